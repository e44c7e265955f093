/** The log holds something that a crash does not leave behind, and starting anyway could lose messages unseen. */
export class CorruptLogError extends Error {
  readonly file: string;
  /** Offset in `file` of the damage. */
  readonly offset: number;

  constructor(file: string, offset: number, reason: string) {
    super(
      `the log is damaged: ${file} at offset ${offset}: ${reason}. Nothing was changed; ` +
        "restore the file, or start with repair to keep what can be read and drop the rest",
    );
    this.name = "CorruptLogError";
    this.file = file;
    this.offset = offset;
  }
}
