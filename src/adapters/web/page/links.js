/** Secrets that sign in stand after the `#` of a link, so that no server, log or other site sees them. */
const LINK = /#(?:invitation|key)=(\w{8,100})$/;

/** The secret of a link, or of an address; `null` for any other text. */
export function secretIn(text) {
  return LINK.exec(text.trim())?.[1] ?? null;
}

/** The secret of the page's own address, which no longer shows it afterwards; `null` where there is none. */
export function takeSecret() {
  const secret = secretIn(location.hash);
  if (secret !== null) history.replaceState(null, '', location.pathname + location.search);
  return secret;
}

export function personalLink(token) {
  return `${location.origin}${location.pathname}#key=${token}`;
}

export function invitationLink(invitation) {
  return `${location.origin}${location.pathname}#invitation=${invitation}`;
}
