-- Whether any place has a rule is asked before each request.
CREATE INDEX settings_by_key ON settings (key);
