import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import sharp from 'sharp';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { WUERST } from '../program.ts';

test('a program starts wuerst mcp, has a picture painted and ends it by closing', async (t) => {
  const folder = await temporaryFolder(t);
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...WUERST, 'mcp', '--data', folder],
    ...{ cwd: folder, env: { PATH: process.env.PATH ?? '', HOME: folder }, stderr: 'pipe' },
  });
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  const progress: number[] = [];
  const result = (await client.callTool(
    { name: 'paint', arguments: { prompt: 'a panda on a green background', width: 256, height: 256, seed: 7 } },
    undefined,
    { onprogress: (one) => void progress.push(one.progress), timeout: 120_000 },
  )) as CallToolResult;
  assert.ok(result.isError !== true, JSON.stringify(result.content));
  assert.ok(progress.length > 0);
  const [image] = result.content.filter((part) => part.type === 'image');
  assert.equal((await sharp(Buffer.from(image?.data ?? '', 'base64')).metadata()).width, 256);
  // It ends by itself: otherwise the client would have to kill it, after seconds.
  const { pid } = transport;
  await client.close();
  assert.throws(() => process.kill(pid ?? 0, 0), { code: 'ESRCH' });
});
