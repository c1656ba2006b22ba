"""What arrives: the files of a data set where a run finds them."""
