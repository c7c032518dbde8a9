-- The second version of the analyser: stems of English words, pairs of characters of scripts without spaces. The program fills
-- the words of the rows that are there anew, in the same transaction.
SELECT 1;
