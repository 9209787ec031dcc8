DROP TABLE retry_decision;
DROP TABLE retry_dead_letter;
DROP TABLE retry_entry;
