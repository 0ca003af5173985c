-- So that the cron's look for what is too old reads no more rows than it strikes out.
CREATE INDEX undelivered_logouts_by_age ON undelivered_logouts (given_up_at);
