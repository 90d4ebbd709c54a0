import { App, type ReceiverEvent } from '@slack/bolt';
import { doneWithin } from '../../../system/clock.ts';

/** An event that takes longer is acknowledged all the same: Slack waits three seconds. In ms. */
const ACK_WITHIN = 2500;

/**
 * Bolt acknowledges events before handling them, so that a crash would lose them. Here they are acknowledged once they
 * have been handled: until then Slack keeps them, and delivers them again.
 */
export class AckAfterApp extends App {
  override async processEvent(event: ReceiverEvent): Promise<void> {
    if (event.body.type !== 'event_callback') return super.processEvent(event);
    const handled = super.processEvent({ ...event, ack: async () => undefined });
    await doneWithin(handled, ACK_WITHIN);
    // Awaited together, so that neither failure goes unseen: the connection may be lost by now.
    await Promise.all([event.ack(), handled]);
  }
}
