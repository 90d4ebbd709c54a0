import { listedAs, t } from '../../texts/translate.ts';
import type { Outlook } from '../jobs/removals.ts';
import { NOTICE, type Reply } from '../reply.ts';

function leftLines({ waiting, left }: Outlook): readonly string[] {
  const reasons = [...left].map(([why, count]) =>
    t(
      'One message or file could not be removed yet. {why} | {count} messages and files could not be removed yet. {why}',
      { count, why },
    ),
  );
  return [
    ...(waiting === 0
      ? []
      : [
          t(
            'One message or file will be removed as soon as that is possible. | {count} messages and files will be removed as soon as that is possible.',
            { count: waiting },
          ),
        ]),
    ...reasons,
    ...(left.size === 0
      ? []
      : [t('It is tried again and again; {command} tells what is left.', { command: '/wuerst erase' })]),
  ];
}

/** @param outlook what is left of an earlier time */
export function eraseQuestion(outlook: Outlook): Reply {
  return {
    ...NOTICE,
    title: t('Erase everything kept about you?'),
    lines: [
      t('Your requests and pictures are erased for good, and your old buttons stop working.'),
      t('Messages of mine that show them are removed where I can. What others made from your pictures stays.'),
      t('To get a copy first: {command}', { command: '/wuerst export' }),
      ...leftLines(outlook),
    ],
    buttons: [
      [{ action: 'erase:me', label: t('Erase everything'), style: 'danger', confirm: t('Erase everything for good?') }],
    ],
  };
}

interface ErasedView {
  readonly jobs: number;
  readonly images: number;
  readonly posted: Outlook;
  /** The database's log still holds it. */
  readonly logHoldsErased: boolean;
}

/** Only what is gone everywhere is called erased. */
export function erasedReply({ jobs, images, posted, logHoldsErased }: ErasedView): Reply {
  const counts = listedAs('conjunction', [
    t('{count} request | {count} requests', { count: jobs }),
    t('{count} picture | {count} pictures', { count: images }),
  ]);
  const { removed, waiting, left } = posted;
  const lines = [
    ...(removed === 0
      ? []
      : [
          t(
            'One message or file that showed them is gone, too. | {count} messages and files that showed them are gone, too.',
            { count: removed },
          ),
        ]),
    ...leftLines(posted),
  ];
  if (logHoldsErased) {
    const why = t('Another program keeps the log of the database in use, so traces of them are still on the disk.');
    const next = t('They are removed within an hour after it is done.');
    return {
      ...NOTICE,
      title: t('Not gone for good yet'),
      lines: [t('{counts} were removed.', { counts }), why, next, ...lines],
    };
  }
  const title = waiting === 0 && left.size === 0 ? t('Erased') : t('Not gone everywhere yet');
  return { ...NOTICE, title, lines: [t('{counts} were erased here.', { counts }), ...lines] };
}

export function exportReply(json: string, files: number): Reply {
  return {
    ...NOTICE,
    title: t('Everything kept about you'),
    lines: [
      t('It names {count} picture. To see one: {command} | It names {count} pictures. To see one: {command}', {
        count: files,
        command: '/wuerst show <id>',
      }),
    ],
    code: json,
  };
}
