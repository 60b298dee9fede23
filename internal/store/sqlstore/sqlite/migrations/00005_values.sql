-- out_values is what a try that succeeded handed on to later jobs: a JSON object of texts,
-- NULL for none.
ALTER TABLE transitions ADD COLUMN out_values TEXT;
