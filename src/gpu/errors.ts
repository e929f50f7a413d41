/** The error of bad input or a missing environment: expected, explained in one line, with the fix. */
export class UserError extends Error {
  override readonly name = 'UserError';
}
