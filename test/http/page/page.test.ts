import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../../src/storage/database.ts';
import { startServer, type TestServer } from '../../e2e/client.ts';
import { type Scratch, scratchDirectory, testModel } from '../../e2e/environment.ts';
import { manyModels } from '../../overview/many_models.ts';
import { seeder } from '../../registry/seed.ts';
import { createToken, startHttpServer, type TestHttpServer } from '../http_server.ts';

const executablePath = process.env.MODELYARD_TEST_CHROMIUM;
if (executablePath === undefined)
  process.stderr.write('Skipped: the page in a real Chromium, since MODELYARD_TEST_CHROMIUM names none.\n');

const settings = { HEALTH_CHECK_INTERVAL_SEC: '1' };
const hostile = '<img src=x onerror="window.hacked=1"><script>window.hacked=2</script>"\'&';

describe.skipIf(executablePath === undefined)('the page, in a real Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: executablePath ?? '',
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
  }, 60_000);
  afterAll(() => browser.close());

  /** Opens the page; every error and every breach of its policy of contents is kept. */
  async function open(
    url: string,
    options: Parameters<Browser['newContext']>[0] = {},
  ): Promise<{ page: Page; context: BrowserContext; faults: string[] }> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text());
    });
    await page.goto(url);
    return { page, context, faults };
  }
  const isShown = (page: Page, text: string) => page.getByText(text).first().waitFor({ timeout: 30_000 });
  const hasNoSideways = async (page: Page) =>
    expect(
      await page.evaluate('document.documentElement.scrollWidth - window.innerWidth'),
    ).toBeLessThanOrEqual(0);

  describe('of a small store', () => {
    let scratch: Scratch;
    let operator: TestServer;
    let server: TestHttpServer;
    beforeAll(async () => {
      scratch = scratchDirectory();
      operator = await startServer({ directory: scratch.path, settings });
      const source = testModel('fails_run');
      await operator.call('deploy_model', { model_id: 'prices', version: '1', source });
      await operator.call('update_model', {
        model_id: 'prices',
        description: hostile,
        tags: { [hostile.slice(0, 60)]: hostile },
      });
      await operator.call('set_reference_data', {
        model_id: 'prices',
        data: Array.from({ length: 60 }, (_, row) => ({ x: row / 10 })),
      });
      for (let call = 0; call < 40; call++)
        await operator.call('predict', { model_id: 'prices', inputs: [{ x: 1 + (call % 2) }] });
      server = await startHttpServer({ directory: scratch.path, settings });
    }, 120_000);
    afterAll(async () => {
      await server.close();
      await operator.close();
      scratch.remove();
    });

    test('shows models, traffic, health, drift, alerts and changes, and goes on by itself', async () => {
      const { page, context, faults } = await open(server.url);
      const model = page.locator('.model', { hasText: 'prices' });
      await model.getByText('40 calls').waitFor();
      expect(await model.innerText()).toMatch(/100 %/);
      await model.getByText('1 of 1 drifted').waitFor({ timeout: 60_000 });
      expect(await model.innerText()).toMatch(/x 0\.65/);
      await page.locator('#alerts').getByText('prices 1').waitFor({ timeout: 60_000 });
      expect(await page.locator('#changes').innerText()).toMatch(/update model/);
      expect(await page.locator('#checks').innerText()).toMatch(/database/);
      await operator.call('predict', { model_id: 'prices', inputs: [{ x: 1 }] });
      await model.getByText('41 calls').waitFor({ timeout: 30_000 });
      expect(faults).toEqual([]);
      await context.close();
    }, 120_000);

    test('shows hostile text as text', async () => {
      const { page, context, faults } = await open(server.url);
      const model = page.locator('.model', { hasText: 'prices' });
      await model.locator('.description').waitFor();
      expect(await model.locator('.description').textContent()).toBe(hostile);
      expect(await model.locator('.tag').textContent()).toBe(`${hostile.slice(0, 60)}: ${hostile}`);
      expect(await page.evaluate('window.hacked')).toBeUndefined();
      expect(await page.locator('img, main script').count()).toBe(0);
      expect(faults).toEqual([]);
      // What would become markup is refused by the browser itself.
      const refused = await page.evaluate(
        '(() => { try { document.body.innerHTML = "<b></b>"; return "done"; } catch (error) { return error.name; } })()',
      );
      expect(refused).toBe('TypeError');
      await context.close();
    });

    test.each([
      { width: 360, height: 740, colorScheme: 'dark' as const },
      { width: 1400, height: 900, colorScheme: 'light' as const },
    ])('fits $width pixels, in $colorScheme colours', async ({ width, height, colorScheme }) => {
      const { page, context } = await open(server.url, { viewport: { width, height }, colorScheme });
      await page.locator('.model').first().waitFor();
      await hasNoSideways(page);
      const [text, ground] = await page.evaluate<[string, string]>(
        '(() => { const style = getComputedStyle(document.body); return [style.color, style.backgroundColor]; })()',
      );
      expect(contrast(text, ground)).toBeGreaterThan(7);
      await context.close();
    });

    test('can be used without a mouse', async () => {
      const { page, context } = await open(server.url);
      await page.locator('.model').first().waitFor();
      const seen: string[] = [];
      for (let step = 0; step < 4; step++) {
        await page.keyboard.press('Tab');
        seen.push(
          await page.evaluate<string>('document.activeElement.id || document.activeElement.className'),
        );
      }
      expect(seen.slice(0, 3)).toEqual(['skip', 'name', 'in-service']);
      await page.locator('#name').focus();
      await page.keyboard.type('nothing is called so');
      await isShown(page, 'No model has that in its name.');
      await context.close();
    });
  });

  test('asks for a token, keeps it in its tab only, and says when it lost the server', async () => {
    const scratch = scratchDirectory();
    const token = createToken(scratch.path, 'page', 'viewer');
    const server = await startHttpServer({ directory: scratch.path, settings });
    const { page, context } = await open(server.url);
    const addresses: string[] = [];
    page.on('request', (request) => addresses.push(request.url()));
    await page.locator('#token').waitFor();
    expect(await page.locator('#overview').isVisible()).toBe(false);
    await page.locator('#token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.locator('#why', { hasText: /token/i }).waitFor();
    await page.locator('#token').fill(token);
    await page.keyboard.press('Enter');
    await isShown(page, 'No model is in service yet.');
    await page.reload();
    await isShown(page, 'No model is in service yet.');
    const kept = await page.evaluate(
      '[Object.values(sessionStorage), Object.values(localStorage), document.cookie]',
    );
    expect(kept).toEqual([[token], [], '']);
    expect([...addresses, page.url()].filter((address) => address.includes(token.slice(-20)))).toEqual([]);
    // Another tab knows nothing of it.
    const other = await context.newPage();
    await other.goto(server.url);
    await other.locator('#token').waitFor();
    await server.close();
    await isShown(page, 'Lost the server');
    expect(await page.locator('#connection').getAttribute('class')).toBe('lost');
    await context.close();
    scratch.remove();
  }, 120_000);

  test('pages through 2 000 models, and finds one', async () => {
    const scratch = scratchDirectory();
    const directory = join(scratch.path, 'registry');
    const server = await startHttpServer({ directory: scratch.path, settings });
    const { database, close } = await openDatabase({ directory });
    await manyModels(database, seeder(database, directory), 2000);
    await close();
    const { page, context, faults } = await open(server.url, { viewport: { width: 360, height: 740 } });
    await isShown(page, '1 – 25 of 2,000');
    expect(await page.locator('.model').count()).toBe(25);
    await page.locator('#next').click();
    await isShown(page, '26 – 50 of 2,000');
    expect(await page.locator('.model h3').first().textContent()).toBe('many-0025');
    await page.locator('#previous').click();
    await isShown(page, '1 – 25 of 2,000');
    await page.locator('#name').fill('1999');
    await isShown(page, '1 – 1 of 1');
    expect(await page.locator('.model h3').allTextContents()).toEqual(['many-1999']);
    await hasNoSideways(page);
    expect(faults).toEqual([]);
    await context.close();
    await server.close();
    scratch.remove();
  }, 180_000);
});

/** The contrast of two colours, `rgb(r, g, b)`, by WCAG 2.2. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map((text) => {
      const share = Number(text) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}
