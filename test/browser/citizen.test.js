// The public site as a citizen meets it: by keyboard, by thumb, without script,
// in three languages, with every field wrong, and within the budget.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { guide, languages, launch, open, out, overflow, violations } from './lib.js'

let server, browser
before(async () => { [server, browser] = await Promise.all([guide(), launch()]) })
after(async () => { await browser?.close(); server?.stop() })

// Made-up people: the numbers are well formed and belong to nobody.
let serial = 0
const somebody = () => {
  serial += 1
  return {
    first_name: 'Ayşe', last_name: 'Işık', id: '10000000146', birth_day: '27', birth_month: '3', birth_year: '1954',
    email: 'ayse@ornek.example', card: '34000000' + String(serial).padStart(8, '0'), phone: '0532 1' + String(serial).padStart(2, '0') + ' 45 67', hes: 'a1b2-c3d4-e' + serial % 10,
  }
}

const fill = async (page, who) => {
  for (const [name, value] of Object.entries(who)) {
    const field = page.locator(`[id="${name}"]`)
    if (await field.count()) await field.fill(value)
  }
  for (const box of await page.locator('input[id^=box_]').all()) await box.check()
}

const messages = async () => (await fetch(`${server.url}/test/sms`)).json()
const newest = async () => (await messages()).at(-1) ?? ''
const codeIn = text => text.match(/\b\d{6}\b/)[0]
const later = by => fetch(`${server.url}/test/later?by=${by}`, { method: 'POST' })
const snap = (page, name) => page.screenshot({ path: join(out, name + '.png'), fullPage: true })
// send presses a form's own button: the language switch has buttons, too.
const send = page => page.locator('main form button.t-button').first().click()

// weigh counts requests and bytes on the wire.
async function weigh(page) {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Network.enable')
  const seen = { requests: 0, bytes: 0, urls: [] }
  const count = (url, method = '') => { seen.requests += 1; seen.urls.push((method + ' ' + url).trim()) }
  const kept = new Set() // answered by the browser's own cache: nothing went over the wire
  cdp.on('Network.requestServedFromCache', e => kept.add(e.requestId))
  cdp.on('Network.requestWillBeSent', e => {
    if (!e.redirectResponse) return
    count(e.redirectResponse.url, 'redirected')
    seen.bytes += e.redirectResponse.encodedDataLength
  })
  cdp.on('Network.responseReceived', e => {
    if (e.response.url.startsWith('data:') || e.response.fromDiskCache || kept.has(e.requestId)) return
    count(e.response.url)
  })
  cdp.on('Network.loadingFinished', e => { seen.bytes += e.encodedDataLength })
  return seen
}

for (const lang of languages) {
  test(`${lang}: a pairing from the form to the receipt, within the budget`, async () => {
    const page = await open(browser, { lang })
    const seen = await weigh(page)
    const who = somebody()
    await page.goto(`${server.url}/istanbul/pair`)
    await snap(page, `pair-${lang}`)
    await fill(page, who)
    await send(page)
    await page.waitForURL('**/istanbul/code')
    await snap(page, `code-${lang}`)
    const text = await newest()
    assert.match(text, /^\d{6}/, 'the code stands first in the message')
    await page.fill('#code', codeIn(text))
    await send(page)
    await page.waitForURL('**/istanbul/done')
    await page.waitForLoadState('networkidle')
    await snap(page, `done-${lang}`)
    assert.match(await page.locator('.t-reference').innerText(), /^[A-Z0-9]{5}-[A-Z0-9]{5}$/)
    assert.ok(!(await page.content()).includes(who.card), 'the receipt does not show the whole card number')
    console.log(`${lang}: ${seen.requests} requests, ${seen.bytes} bytes`)
    assert.ok(seen.requests <= 6, `${seen.requests} requests, want at most 6: ${seen.urls.join(', ')}`)
    assert.ok(seen.bytes > 0 && seen.bytes <= 60_000, `${seen.bytes} bytes, want at most 60000`)
    for (const url of seen.urls) {
      for (const value of [who.id, who.card, '5321', 'ayse', 'A1B2', 'a1b2']) assert.ok(!url.includes(value), `${value} stands in ${url}`)
    }
    await page.context().close()
  })

  test(`${lang}: without script`, async () => {
    const page = await open(browser, { lang, script: false })
    await page.goto(`${server.url}/izmir/`)
    await page.click('main a.t-button')
    await fill(page, { ...somebody(), card: '3500000000000001' })
    const digits = await page.locator('#card').inputValue()
    await send(page)
    if (await page.locator('.t-error-summary').count()) {
      // The sample number is another city's shape: the form says so and keeps it.
      assert.equal(await page.locator('#card').inputValue(), digits)
    }
    assert.equal(await page.getAttribute('html', 'lang'), lang)
    await page.context().close()
  })

  test(`${lang}: every field empty`, async () => {
    const page = await open(browser, { lang })
    await page.goto(`${server.url}/istanbul/pair`)
    await send(page)
    await page.waitForSelector('.t-error-summary')
    const lines = await page.locator('.t-error-summary a').allInnerTexts()
    assert.equal(lines.length, 10, `eight fields and two boxes: ${lines.join(' / ')}`)
    for (const line of lines) assert.doesNotMatch(line, /\[|\{\{|<no value>|fault\./, 'a sentence')
    const hrefs = await page.locator('.t-error-summary a').evaluateAll(as => as.map(a => a.getAttribute('href')))
    assert.deepEqual(hrefs, ['#first_name', '#last_name', '#id', '#birth_day', '#email', '#card', '#phone', '#hes', '#box_terms', '#box_notice'])
    for (const h of hrefs) assert.equal(await page.locator(`[id="${h.slice(1)}"]`).count(), 1, h)
    assert.deepEqual(await violations(page), [])
    assert.ok(await page.locator('.t-error-summary').evaluate(e => e === document.activeElement))
    await snap(page, `empty-${lang}`)
    await page.context().close()
  })

  test(`${lang}: every page is sound`, async () => {
    const page = await open(browser, { lang })
    for (const path of ['/', '/istanbul/', '/istanbul/pair', '/izmir/pair', '/gaziantep/pair', '/antalya/pair', '/turkiye/pair', '/istanbul/card/status', '/istanbul/card/renew', '/istanbul/card/move', '/istanbul/card/unpair', '/istanbul/hes', '/izmir/desks', '/gaziantep/privacy', '/istanbul/accessibility', '/istanbul/nothing', '/nowhere/']) {
      const answer = await page.goto(server.url + path)
      assert.equal(answer.status(), /nothing|nowhere/.test(path) ? 404 : 200, path)
      assert.deepEqual(await violations(page), [], path)
      assert.equal(await overflow(page), 0, `${path} is wider than its window, in pixels`)
      assert.doesNotMatch(await page.innerText('body'), /\[[a-z_]+\.[a-z_.]+\]|<no value>|\{\{/, path)
      await snap(page, 'page' + path.replaceAll('/', '-').replace(/-$/, '') + '-' + lang)
    }
    await page.context().close()
  })
}

test('by keyboard alone', async () => {
  const page = await open(browser)
  const who = somebody()
  await page.goto(`${server.url}/istanbul/`)
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.className), 't-skip-link', 'the first stop skips to the content')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  assert.match(await page.evaluate(() => document.activeElement.className), /t-button/)
  await page.keyboard.press('Enter')
  await page.waitForURL('**/pair')
  const want = Object.fromEntries(Object.entries(who))
  const visited = []
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab')
    const at = await page.evaluate(() => ({ id: document.activeElement.id, tag: document.activeElement.tagName, type: document.activeElement.type, text: document.activeElement.textContent, ring: getComputedStyle(document.activeElement).outlineStyle }))
    visited.push(at.id || at.tag)
    if (want[at.id]) await page.keyboard.type(want[at.id])
    else if (at.id.startsWith('box_')) await page.keyboard.press('Space')
    else if (at.type === 'submit' && at.text === 'Kaydet') break
  }
  await page.keyboard.press('Enter')
  await page.waitForURL('**/code', { timeout: 5000 }).catch(() => assert.fail(`stops: ${visited.join(' ')}`))
  const code = codeIn(await newest())
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(() => document.activeElement.id) === 'code') break
  }
  await page.keyboard.type(code)
  await page.keyboard.press('Enter')
  await page.waitForURL('**/done')
  await page.context().close()
})

test('another language keeps what was typed', async () => {
  const page = await open(browser)
  const who = somebody()
  await page.goto(`${server.url}/istanbul/pair`)
  await fill(page, who)
  for (const lang of ['ar', 'en', 'tr']) {
    await page.click(`.t-lang [lang=${lang}]`)
    await page.waitForSelector(`html[lang=${lang}]`)
    for (const [name, value] of Object.entries(who)) assert.equal(await page.locator(`[id="${name}"]`).inputValue(), value, `${lang} ${name}`)
    assert.ok(await page.isChecked('#box_terms'))
    assert.equal(await page.locator('.t-error-summary').count(), 0, 'nothing is judged yet')
  }
  await page.context().close()
})

test('a wrong field keeps the others', async () => {
  const page = await open(browser)
  const who = { ...somebody(), id: '10000000147', phone: '0212 123 45 67' }
  await page.goto(`${server.url}/istanbul/pair`)
  await fill(page, who)
  await send(page)
  await page.waitForSelector('.t-error-summary')
  assert.deepEqual(await page.locator('.t-error-summary a').evaluateAll(as => as.map(a => a.getAttribute('href'))), ['#id', '#phone'])
  for (const [name, value] of Object.entries(who)) assert.equal(await page.locator(`[id="${name}"]`).inputValue(), value, name)
  for (const field of ['id', 'phone']) {
    const about = await page.getAttribute('#' + field, 'aria-describedby')
    assert.ok(about.includes(field + '-error'), about)
    assert.equal(await page.getAttribute('#' + field, 'aria-invalid'), 'true')
  }
  await page.context().close()
})

test('with a passport, by the box and by style sheet alone', async () => {
  const page = await open(browser, { script: false, lang: 'en' })
  await page.goto(`${server.url}/istanbul/pair`)
  assert.ok(!(await page.isVisible('#passport')) && await page.isVisible('#id'))
  await page.check('#doc')
  assert.ok(await page.isVisible('#passport') && !(await page.isVisible('#id')))
  const who = somebody()
  delete who.id
  for (const [name, value] of Object.entries(who)) await page.fill(`[id="${name}"]`, value)
  await page.fill('#passport', 'N00 123456')
  await page.selectOption('#country', 'SY')
  await page.check('#box_terms')
  await page.check('#box_notice')
  await snap(page, 'passport-en')
  await send(page)
  await page.waitForURL('**/code')
  await page.context().close()
})

test('a wrong code, a new code, another number', async () => {
  const page = await open(browser)
  const who = somebody()
  await page.goto(`${server.url}/istanbul/pair`)
  await fill(page, who)
  await send(page)
  await page.waitForURL('**/code')
  const right = codeIn(await newest())
  await page.fill('#code', right === '000000' ? '000001' : '000000')
  await send(page)
  await page.waitForSelector('.t-error-summary')
  assert.match(await page.innerText('.t-error-summary'), /4/, 'says how many tries are left')
  assert.deepEqual(await violations(page), [])
  await snap(page, 'code-wrong-tr')
  await page.click('summary')
  await page.click('button[name=again]')
  await page.waitForSelector('.t-error-summary')
  assert.match(await page.innerText('.t-error-summary'), /dakika/, 'says how long to wait')
  await page.click('summary')
  await page.click('main form a')
  await page.waitForSelector('#phone')
  assert.equal(await page.inputValue('#last_name'), who.last_name, 'the form comes back filled in')
  await page.goto(`${server.url}/istanbul/code`)
  await page.fill('#code', right)
  await send(page)
  await page.waitForURL('**/done')
  await page.context().close()
})

test('a code the ministry does not know is mended without a new text message', async () => {
  const page = await open(browser)
  await page.goto(`${server.url}/istanbul/pair`)
  await fill(page, { ...somebody(), hes: 'NONE-1234-56' })
  await send(page)
  await page.waitForURL('**/code')
  await page.fill('#code', codeIn(await newest()))
  await send(page)
  await page.waitForSelector('.t-error-summary a[href="#hes"]')
  assert.equal(await page.inputValue('#first_name'), 'Ayşe')
  await snap(page, 'amend-tr')
  const before = (await messages()).filter(m => /^\d{6}/.test(m)).length
  await page.fill('#hes', 'A1B2C3D4E9')
  await send(page)
  await page.waitForURL('**/done')
  assert.equal((await messages()).filter(m => /^\d{6}/.test(m)).length, before, 'no second code was sent')
  await page.context().close()
})

test('Return in a field sends the form in its own language', async () => {
  const page = await open(browser, { lang: 'en', script: false })
  await page.goto(`${server.url}/istanbul/pair`)
  await page.locator('#phone').press('Enter')
  await page.waitForSelector('.t-error-summary')
  assert.equal(await page.getAttribute('html', 'lang'), 'en')
  await page.context().close()
})

test('pressed twice, or sent again after going back: one request, one code', async () => {
  const page = await open(browser)
  await page.goto(`${server.url}/istanbul/pair`)
  await fill(page, somebody())
  const body = await page.evaluate(() => new URLSearchParams(new FormData(document.getElementById('form'))).toString())
  const before = (await messages()).length
  const post = () => fetch(`${server.url}/istanbul/pair`, { method: 'POST', redirect: 'manual', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body })
  const answers = await Promise.all([post(), post(), post()])
  answers.push(await post())
  assert.deepEqual(answers.map(a => a.status), [303, 303, 303, 303])
  const tokens = answers.map(a => a.headers.get('set-cookie').match(/request=(\w+)/)[1])
  assert.equal(new Set(tokens).size, 1, tokens.join(' '))
  assert.equal((await messages()).length, before + 1)
  await page.context().close()
})

test('my card: the page says the same of a paired card and of any other', async () => {
  const page = await open(browser)
  const who = somebody()
  await page.goto(`${server.url}/istanbul/pair`)
  await fill(page, who)
  await send(page)
  await page.waitForURL('**/code')
  await page.fill('#code', codeIn(await newest()))
  await send(page)
  await page.waitForURL('**/done')
  const answers = []
  for (const card of [who.card, '3400000007654321']) {
    await later('2m') // one text message a minute to a number, whatever it is for
    await page.goto(`${server.url}/istanbul/card/status`)
    await page.fill('#card', card)
    await page.fill('#phone', who.phone)
    await send(page)
    await page.waitForURL('**/done')
    answers.push((await page.innerText('main')).replace(/[A-Z0-9]{5}-[A-Z0-9]{5}/, 'REFERENCE').replace(/·{4} \d{4}/, 'CARD').replace(/\d{2}:\d{2}/, 'TIME'))
  }
  assert.equal(answers[0], answers[1])
  await page.context().close()
})

test('the portal sends a province with a page of its own there', async () => {
  const page = await open(browser)
  await page.goto(`${server.url}/turkiye/pair`)
  await page.selectOption('#province', 'İzmir')
  await send(page)
  await page.click('.t-notice a.t-button')
  await page.waitForURL('**/izmir/pair')
  await page.context().close()
})

test('posts from elsewhere, of other kinds and too large are refused in words', async () => {
  const url = `${server.url}/istanbul/pair`
  const form = 'application/x-www-form-urlencoded'
  for (const [what, init, want] of [
    ['another site', { headers: { 'content-type': form, 'sec-fetch-site': 'cross-site', origin: 'https://elsewhere.example' }, body: 'card=1' }, 403],
    ['JSON', { headers: { 'content-type': 'application/json' }, body: '{}' }, 415],
    ['100 kB', { headers: { 'content-type': form }, body: 'card=' + '1'.repeat(100_000) }, 413],
    ['broken UTF-8', { headers: { 'content-type': form }, body: 'card=%ff%fe' }, 422],
    ['a NUL', { headers: { 'content-type': form }, body: 'first_name=%00' }, 422],
    ['a lone surrogate', { headers: { 'content-type': form }, body: 'first_name=%ed%a0%80' }, 422],
    ['direction marks', { headers: { 'content-type': form }, body: 'first_name=A%e2%80%aeB' }, 422],
    ['no fields', { headers: { 'content-type': form }, body: '' }, 422],
  ]) {
    const answer = await fetch(url, { method: 'POST', redirect: 'manual', ...init })
    assert.equal(answer.status, want, what)
    assert.match(await answer.text(), /<h1>[^<]+<\/h1>/, what)
  }
})
