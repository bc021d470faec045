/** Why media was not fetched. The message completes "… cannot be fetched: " and names no address. */
export class FetchRefusal extends Error {
  override readonly name = 'FetchRefusal';
}

/** The worker fetches as much as it can; a moment later, or in another one, there may be room. */
export class NoRoomForMedia extends Error {
  override readonly name = 'NoRoomForMedia';
}
