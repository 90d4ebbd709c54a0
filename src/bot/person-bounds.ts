const SECOND = 1000;
const DAY = 86_400 * SECOND;

/**
 * What any one person may use. Who asks for more is refused, or gets less, and nobody else notices. A person of the web
 * chat is a name; without a token, and before a name is known, an address.
 */
export const PERSON_BOUNDS = {
  /** Requests to the web chat: at once, and each second from then on. */
  requests: { atOnce: 600, perSecond: 60 },
  /** The same where nobody signs in, so that whoever asks has this machine for themselves. */
  ownMachineRequests: { atOnce: 5000, perSecond: 1000 },
  /** Exact positions in the queue that the web chat computes; beyond, an answer leaves the position out. */
  positions: { atOnce: 200, perSecond: 20 },
  /** Downloads of everything that is kept about the person: at once, and one each ten minutes from then on. */
  exports: { atOnce: 3, perSecond: 1 / 600 },
  /** Forms with pictures to start from that the web chat has not read yet; one after the other is. */
  forms: 20,
  /** Pictures that are given, on any platform, and their size together in bytes. */
  pictures: { atOnce: 24, perSecond: 0.2 },
  pictureBytes: { atOnce: 240 * 2 ** 20, perSecond: 2 ** 20 / 4 },
  /** Event streams that are open. */
  eventStreams: 32,
  /** Rooms of one event stream: of all tabs of a browser together. */
  roomsPerStream: 100,
  /** Questions that wait for a yes, and their size together in characters of JSON; the oldest are dropped. */
  questions: { count: 10, characters: 1_000_000 },
  /** Wrong tokens, of one address and for one name or token: after `free` of them, each wait is twice the last. */
  wrongTokens: { free: 10, firstWaitMs: 60 * SECOND, longestWaitMs: 3600 * SECOND, forgottenAfterMs: DAY },
  /** Free names that one address may take with the shared token: at once, and one each hour from then on. */
  claims: { atOnce: 20, perSecond: 1 / 3600 },
  /** Browsers that are signed in under one name; one more signs out the one that was used longest ago. */
  devices: 20,
  /** Personal tokens of one name. */
  tokens: 20,
  /** Invitations that wait to be used, of all admins together. */
  invitations: 200,
} as const;
