/** A failure whose message is shown to the user; `status` is that of the server's answer, 0 if there was none. */
export class Failure extends Error {
  constructor(line, status = 0) {
    super(line);
    this.status = status;
  }
}
