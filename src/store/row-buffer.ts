/** Rows for copyIn, as bytes from the start: as one growing text they would be a chain of pieces, all of which the collector
 *  carries along until the text is sent. */
export class RowBuffer {
  #bytes = Buffer.allocUnsafe(startBytes);
  #length = 0;

  /** Whole rows, each with its end of line. */
  add(rows: string): void {
    const most = this.#length + rows.length * bytesOfUnitMax;
    if (most > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(most, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#length += this.#bytes.write(rows, this.#length);
  }

  /** What was added until now. */
  get content(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

const startBytes = 64 * 1024;
/** Of UTF-8 for one unit of a JavaScript string. */
const bytesOfUnitMax = 3;
