export interface LinePlot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Labels of the points, at equal distances. */
  readonly xs: readonly string[];
  /** Values by name; the scale is logarithmic. */
  readonly lines: ReadonlyMap<string, readonly number[]>;
  /** Smaller values are drawn here. */
  readonly least: number;
}

const [WIDTH, HEIGHT] = [720, 400];
const [LEFT, RIGHT, TOP, BOTTOM] = [70, 20, 40, 84];
/** Distinguishable without colours, too: each has its own dashes. */
const STYLES = [
  { colour: '#0072b2', dashes: '' },
  { colour: '#56b4e9', dashes: '8 4' },
  { colour: '#d55e00', dashes: '' },
  { colour: '#e69f00', dashes: '8 4' },
] as const;

/** Lines over equally distant points, as an SVG file. */
export function linePlot({ title, xLabel, yLabel, xs, lines, least }: LinePlot): string {
  const most = Math.max(10 * least, ...[...lines.values()].flat());
  const decades = Math.ceil(Math.log10(most / least));
  const x = (i: number) => LEFT + (i * (WIDTH - LEFT - RIGHT)) / (xs.length - 1);
  const y = (value: number) =>
    HEIGHT - BOTTOM - (Math.log10(Math.max(value, least) / least) / decades) * (HEIGHT - TOP - BOTTOM);
  const text = (at: readonly [number, number], words: string, more = '') =>
    `<text x="${at[0].toFixed(0)}" y="${at[1].toFixed(0)}" ${more}>${words}</text>`;
  const grid = Array.from({ length: decades + 1 }, (_, i) => least * 10 ** i).flatMap((value) => [
    `<path d="M${LEFT} ${y(value).toFixed(1)}H${WIDTH - RIGHT}" stroke="#ddd"/>`,
    text([LEFT - 8, y(value) + 4], value === least ? `≤ ${value}` : value.toLocaleString('en'), 'text-anchor="end"'),
  ]);
  const ticks = xs.map((label, i) => text([x(i), HEIGHT - BOTTOM + 18], label, 'text-anchor="middle"'));
  const drawn = [...lines].map(([, values], i) => {
    const { colour, dashes } = STYLES[i % STYLES.length] ?? STYLES[0];
    const points = values.map((value, k) => `${x(k).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2.5" stroke-dasharray="${dashes}"/>`;
  });
  const legend = [...lines.keys()].flatMap((name, i) => {
    const { colour, dashes } = STYLES[i % STYLES.length] ?? STYLES[0];
    const [left, top] = [LEFT + (i % 2) * 320, HEIGHT - 26 + Math.floor(i / 2) * 18];
    return [
      `<path d="M${left} ${top - 4}h36" stroke="${colour}" stroke-width="2.5" stroke-dasharray="${dashes}"/>`,
      text([left + 44, top], name),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#222" role="img" aria-label="${title}">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text([WIDTH / 2, 22], title, 'text-anchor="middle" font-size="15"'),
    text([WIDTH / 2, HEIGHT - BOTTOM + 36], xLabel, 'text-anchor="middle"'),
    text([16, TOP - 8], yLabel),
    ...grid,
    ...ticks,
    ...drawn,
    ...legend,
    '</svg>\n',
  ].join('\n');
}
