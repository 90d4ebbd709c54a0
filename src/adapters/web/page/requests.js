import { api, newKey } from './api.js';
import { givenPictures } from './given-pictures.js';
import { t } from './texts.js';

/** Prompts, commands and presses of buttons on their way to the bot, and what becomes of them in the conversation. */
export class Requests {
  #session;
  #composer;
  #onTurn;

  /** `onTurn(conversation)` is called when a turn was added that somebody waits for. */
  constructor({ session, composer, onTurn }) {
    this.#session = session;
    this.#composer = composer;
    this.#onTurn = onTurn;
  }

  /** Sends a prompt or a command. Resolves to `accepted`, `refused` or `failed`. */
  async send(conversation, text) {
    const key = newKey();
    const body = await givenPictures.bodyOf({ text, user: this.#session.user, room: conversation.room });
    const request = async () => {
      const answer = await api.command(conversation.room, body, key);
      givenPictures.clear();
      return answer;
    };
    return this.#attempt(conversation, request, { asked: text });
  }

  /** Presses a button, of a `turn` or of another reply. */
  act(conversation, action, text, turn) {
    const key = newKey();
    const request = () => api.act(conversation.room, action, this.#session.user, text, key);
    return this.#attempt(conversation, request, { turn });
  }

  report(conversation, error, context) {
    conversation.addNote(problemReply(error), context);
  }

  /** `failure`: of the attempt before, which this one takes the place of. */
  async #attempt(conversation, request, { asked, turn, failure }) {
    try {
      const answer = await request();
      failure?.remove();
      if (failure && asked !== undefined) this.#composer.forget(conversation.room, asked);
      if (conversation.takeAnswer(answer, { asked, turn })) this.#onTurn(conversation);
      return 'accepted';
    } catch (error) {
      failure?.remove();
      if (error.status === 401) this.#session.signIn();
      if (error.code === 'user_mismatch') await this.#session.reload().catch(() => {});
      if (error.status === 0) this.#showFailure(conversation, request, error, { asked, turn });
      else this.report(conversation, error, { asked, turn });
      if (failure && asked !== undefined && error.status !== 0) this.#composer.takeBack(asked);
      if (turn === undefined) this.#onTurn(conversation);
      return error.status === 0 ? 'failed' : 'refused';
    }
  }

  /** What could not be sent stays, with the buttons that send it again, as the same request, or take it back to be changed. */
  #showFailure(conversation, request, error, { asked, turn }) {
    const retry = () => this.#attempt(conversation, request, { asked, turn, failure });
    const edit = () => {
      failure.remove();
      this.#composer.takeBack(asked);
    };
    const buttons = [{ action: 'retry', label: t('Try again'), style: 'primary' }];
    if (asked !== undefined) buttons.push({ action: 'edit', label: t('Edit'), style: 'secondary' });
    const act = (action) => (action === 'retry' ? retry() : edit());
    const reply = { ...problemReply(error), buttons: [buttons] };
    const failure = conversation.addNote(reply, { asked, turn, act, remark: t('not sent') });
  }
}

function problemReply(error) {
  return { tone: 'error', title: error.message, lines: error.hint ? [error.hint] : [] };
}
