-- So that the provider's metadata, which anybody may ask for, reads none of the applications but those few.
CREATE INDEX applications_with_exceptional_grants ON applications (status)
  WHERE instr(oauth, '"implicit"') + instr(oauth, '"password"') > 0;
