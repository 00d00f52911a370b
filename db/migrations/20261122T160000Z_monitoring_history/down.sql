DROP TABLE statement_texts;
DROP TABLE history_hours;
DROP TABLE history_ten_minutes;
DROP TABLE history_minutes;
