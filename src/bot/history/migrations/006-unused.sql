-- Tables that nothing reads: previews are kept among the memos, Slack's installations in a database of their own.

DROP TABLE preview_maps;
DROP TABLE installations;

-- For the latest changes of settings. Those that hold everywhere have guild ''.
CREATE INDEX audit_of_settings ON audit (guild) WHERE action = 'set';
