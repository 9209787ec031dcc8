DROP TABLE applications_bulk_item;
DROP TABLE applications_bulk;
