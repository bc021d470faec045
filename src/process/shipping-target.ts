import type { CompletedExchange } from '../journal/assemble.ts';
import type { ShippingBatch, ShippingTarget, StreamName, StreamPosition } from '../journal/shipper.ts';

/** The way from the journal into a ledger that may not be there yet: until it is, shipping fails and is tried again, and
 *  the journal keeps everything. */
export class DeferredShippingTarget implements ShippingTarget {
  #target: ShippingTarget | undefined;

  open(target: ShippingTarget): void {
    this.#target = target;
  }

  async ship(batch: ShippingBatch): Promise<void> {
    return this.#ready().ship(batch);
  }

  async quarantine(exchange: CompletedExchange, reason: string): Promise<void> {
    return this.#ready().quarantine(exchange, reason);
  }

  async positions(): Promise<readonly StreamPosition[]> {
    return this.#ready().positions();
  }

  async forget(stream: StreamName): Promise<void> {
    return this.#ready().forget(stream);
  }

  #ready(): ShippingTarget {
    if (this.#target === undefined) throw new Error('the database has not answered yet');
    return this.#target;
  }
}
