/** The `size` entries that were used last. @template T */
export class Recent {
  /** @param {number} size */
  constructor(size) {
    this.size = size;
    /** @type {Map<string, T>} */
    this.held = new Map();
  }

  /** @param {string} key @returns {T | undefined} */
  get(key) {
    const found = this.held.get(key);
    if (found !== undefined) {
      this.held.delete(key);
      this.held.set(key, found);
    }
    return found;
  }

  /** @param {string} key @param {T} value */
  set(key, value) {
    this.held.delete(key);
    this.held.set(key, value);
    for (const oldest of this.held.keys()) {
      if (this.held.size <= this.size) break;
      this.held.delete(oldest);
    }
  }

  /** @param {string} key */
  delete(key) {
    this.held.delete(key);
  }

  clear() {
    this.held.clear();
  }
}
