const ROLE = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/

/** Whether this can be a role of a user: 1 to 64 letters, digits and `. _ : / -`. Compared exactly. */
export const isRole = (value: string): boolean => ROLE.test(value)
