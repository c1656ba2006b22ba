"""From a scene to one training or test example of a task."""
