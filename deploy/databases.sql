-- Read once, when PostgreSQL's volume is empty; the database "dagster" is made by the image.
CREATE DATABASE mlflow;
