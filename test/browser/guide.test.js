// Every part in every state: axe, width, targets, direction, pictures.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { guide, languages, launch, open, out, overflow, violations, widths } from './lib.js'

const pages = ['', 'form', 'errors', 'code', 'done', 'parts']
let server, browser
before(async () => { [server, browser] = await Promise.all([guide(), launch()]) })
after(async () => { await browser?.close(); server?.stop() })

for (const lang of languages) for (const width of widths) for (const dark of [false, true]) {
  test(`${lang} ${width} ${dark ? 'dark' : 'light'}`, async t => {
    const page = await open(browser, { lang, width, dark })
    for (const name of pages) {
      await page.goto(`${server.url}/guide/${name}`)
      assert.equal(await page.getAttribute('html', 'lang'), lang)
      assert.equal(await page.getAttribute('html', 'dir'), lang === 'ar' ? 'rtl' : 'ltr')
      await page.screenshot({ path: join(out, `guide-${name || 'home'}-${lang}-${width}-${dark ? 'dark' : 'light'}.png`), fullPage: true })
      assert.deepEqual(await violations(page), [], `/guide/${name}`)
      assert.doesNotMatch(await page.innerText('body'), /\[[a-z_]+\.[a-z_.]+\]|<no value>|\{\{/, `/guide/${name}`)
      assert.equal(await overflow(page), 0, `/guide/${name} is wider than its window, in pixels`)
    }
    await page.context().close()
  })
}

test('whatever is pressed is at least 44 pixels high', async () => {
  const page = await open(browser)
  for (const name of pages) {
    await page.goto(`${server.url}/guide/${name}`)
    const small = await page.evaluate(() => [...document.querySelectorAll('button, input:not([type=hidden]), select, summary, header a, footer a, .t-button, .t-doors li')]
      .filter(e => e.offsetParent && !e.classList.contains('t-hidden') && e.getBoundingClientRect().height < 44)
      .map(e => `${e.tagName} ${e.className} ${e.textContent.trim()} ${e.getBoundingClientRect().height}`))
    assert.deepEqual(small, [], `/guide/${name}`)
  }
  await page.context().close()
})

test('Arabic pages are turned over, numbers are not', async () => {
  const page = await open(browser, { lang: 'ar', width: 1280 })
  await page.goto(`${server.url}/guide/errors`)
  const box = s => page.locator(s).first().boundingBox()
  const main = await box('main')
  const place = await box('.t-place'), langs = await box('.t-lang')
  assert.ok(place.x > langs.x, 'the city stands on the right, the languages on the left')
  const [first, last] = [await box('.t-steps li:first-child'), await box('.t-steps li:last-child')]
  assert.ok(first.x > last.x, 'steps run from right to left')
  const check = await box('#terms'), label = await page.locator('label[for=terms]').boundingBox()
  assert.ok(check.x > label.x + label.width / 2, 'a box stands to the right of its label')
  const group = page.locator('.t-form-group--error').first()
  assert.notEqual(await group.evaluate(e => getComputedStyle(e).borderRightWidth), '0px', 'the error line stands on the right')
  assert.equal(await page.locator('#card').evaluate(e => getComputedStyle(e).direction), 'ltr', 'a card number reads from left to right')
  assert.equal(await page.locator('#card').evaluate(e => getComputedStyle(e).textAlign), 'left')
  assert.equal(await page.locator('#given').evaluate(e => getComputedStyle(e).direction), 'rtl')
  assert.ok(main.width > 0)
  await page.context().close()
})

test('tick, arrow and chevron point the right way in Arabic', async () => {
  // The three faults a mirrored sheet has, by the matrix that draws each: a
  // turn of -45 degrees has a positive second entry in no case.
  const turn = (page, selector, pseudo) => page.locator(selector).first().evaluate((e, p) => {
    const s = getComputedStyle(e, p), m = new DOMMatrix(s.transform)
    return { angle: Math.round(Math.atan2(m.b, m.a) * 180 / Math.PI), left: s.borderLeftWidth !== '0px', right: s.borderRightWidth !== '0px', top: s.borderTopWidth !== '0px', bottom: s.borderBottomWidth !== '0px' }
  }, pseudo)
  for (const [lang, tick, closed, door, back] of [
    ['tr', { angle: -45, left: true }, { angle: -45, right: true }, { angle: 45, right: true }, { angle: 45, left: true }],
    ['ar', { angle: -45, left: true }, { angle: 45, left: true }, { angle: -45, left: true }, { angle: -45, right: true }],
  ]) {
    const page = await open(browser, { lang })
    await page.goto(`${server.url}/guide/form`)
    for (const [what, selector, pseudo, want] of [
      ['tick', '.t-checkboxes__label', '::after', tick],
      ['details', '.t-details summary', '::before', closed],
      ['back', '.t-back', '::before', back],
    ]) {
      const got = await turn(page, selector, pseudo)
      for (const [k, v] of Object.entries(want)) assert.equal(got[k], v, `${lang} ${what} ${k}: ${JSON.stringify(got)}`)
    }
    await page.goto(`${server.url}/guide/`)
    const got = await turn(page, '.t-doors li', '::after')
    for (const [k, v] of Object.entries(door)) assert.equal(got[k], v, `${lang} door ${k}: ${JSON.stringify(got)}`)
    await page.context().close()
  }
})

test('errors are announced, linked and focused', async () => {
  const page = await open(browser)
  await page.goto(`${server.url}/guide/errors`)
  assert.match(await page.title(), /^Hata: /)
  assert.ok(await page.locator('.t-error-summary').evaluate(e => e === document.activeElement), 'the summary has the focus')
  for (const link of await page.locator('.t-error-summary a').all()) {
    const id = (await link.getAttribute('href')).slice(1)
    assert.equal(await page.locator(`[id="${id}"]`).count(), 1, `#${id} exists once`)
  }
  await page.click('.t-error-summary a[href="#card"]')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'card')
  await page.context().close()
})

test('whoever tabs sees where they are', async () => {
  const page = await open(browser)
  await page.goto(`${server.url}/guide/form`)
  const faint = []
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab')
    const at = await page.evaluate(() => {
      const e = document.activeElement
      // A box is drawn by its label; what has the focus is the box.
      const drawn = e.matches('[type=checkbox], [type=radio]') ? getComputedStyle(e.nextElementSibling, '::before') : getComputedStyle(e)
      return { what: `${e.tagName} ${e.id} ${e.textContent.trim().slice(0, 20)}`, ring: drawn.boxShadow !== 'none' || (drawn.outlineStyle !== 'none' && drawn.outlineWidth !== '0px'), out: e === document.body }
    })
    if (at.out) break
    if (!at.ring) faint.push(at.what)
  }
  assert.deepEqual(faint, [])
  await page.context().close()
})

test('the policy stops nothing of ours and lets nothing else in', async () => {
  const page = await open(browser)
  const said = []
  page.on('console', m => said.push(m.text()))
  page.on('pageerror', e => said.push(String(e)))
  for (const name of pages) {
    await page.goto(`${server.url}/guide/${name}`)
    await page.waitForLoadState('networkidle')
  }
  assert.deepEqual(said, [])
  await page.evaluate(() => { const s = document.createElement('script'); s.textContent = 'window.caught = true'; document.body.append(s) })
  assert.equal(await page.evaluate(() => window.caught), undefined)
  await page.context().close()
})
