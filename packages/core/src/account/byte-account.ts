/** What one holder answers for: a connection, a user, a virtual host, or the broker. */
export class ByteAccount {
  /** `user 'guest'`: how refusals name the holder. */
  readonly title: string;
  readonly bytesMax: number;
  bytes = 0;

  constructor(title: string, bytesMax: number) {
    this.title = title;
    this.bytesMax = bytesMax;
  }
}
