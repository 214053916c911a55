// What a callback's configuration at WeChat needs.

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A text of letters and digits that nobody guesses. */
export function secretText(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      // Those beyond would make the first letters likelier.
      if (byte < 248 && text.length < length) text += LETTERS[byte % LETTERS.length];
    }
  }
  return text;
}

/** A Token (3 to 32 letters and digits) and an EncodingAESKey (43). */
export function newSecrets(): { token: string; encoding_aes_key: string } {
  // The last of 43 letters of Base64 carries two bits that must be zero to be read strictly.
  return { token: secretText(24), encoding_aes_key: `${secretText(42)}A` };
}

/** Whether an address is of no use to anybody elsewhere. */
export function isLocal(url: string): boolean {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  return (
    host === 'localhost' ||
    host === '::1' ||
    /^127\./.test(host) ||
    /^10\./.test(host) ||
    /^192\.168\./.test(host) ||
    /^172\.(1[6-9]|2\d|3[01])\./.test(host) ||
    host.endsWith('.local')
  );
}
