/** Bytes behind an address, of the page's own site or another. */

/** @returns the bytes. @throws an Error whose message says why not, to be set into a sentence. */
export async function fetchBytes(address: string | URL): Promise<ArrayBuffer> {
  let response: Response;
  try {
    response = await fetch(address);
  } catch {
    throw new Error('the request failed: no connection, no such site, or a site that does not allow it');
  }
  if (!response.ok) throw new Error(`the server answers ${response.status} ${response.statusText}`.trim());
  return response.arrayBuffer();
}
