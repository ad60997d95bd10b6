// Booking a visit as a citizen does it: from the map to the calendar, within
// the budget, without script, by keyboard, in two windows at once, too late,
// and when all is full.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import ICAL from 'ical.js'
import { guide, languages, launch, open, out, overflow, violations, widths } from './lib.js'

let server, browser
before(async () => { [server, browser] = await Promise.all([guide(), launch()]) })
after(async () => { await browser?.close(); server?.stop() })

// Made-up phones: each person has one, since a number is sent one code a minute.
let serial = 10
const somebody = () => ({ name: 'Ayşe Işık', phone: `0532 2${String(serial++).padStart(2, '0')} 45 67` })
const messages = async () => (await fetch(`${server.url}/test/sms`)).json()
const newest = async () => (await messages()).at(-1) ?? ''
const codeIn = text => text.match(/^\d{6}/)[0]
const later = by => fetch(`${server.url}/test/later?by=${by}`, { method: 'POST' })
const fill = (centre, day, n = 500) => fetch(`${server.url}/test/fill?centre=${centre}&day=${day}&n=${n}`, { method: 'POST' })
const snap = (page, name) => page.screenshot({ path: join(out, 'visit-' + name + '.png'), fullPage: true })
const send = page => page.locator('main form button.t-button').first().click()
// link is the path in the newest message that has one.
const link = async () => '/' + (await messages()).filter(m => m.includes('/visit/')).at(-1).match(/visit\/\S+/)[0]

async function sound(page, name) {
  assert.deepEqual(await violations(page), [], name)
  assert.equal(await overflow(page), 0, `${name} is wider than its window, in pixels`)
  assert.doesNotMatch(await page.innerText('body'), /\[[a-z_]+\.[a-z_.]+\]|<no value>|\{\{/, name)
}

async function weigh(page) {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Network.enable')
  const seen = { requests: 0, bytes: 0, urls: [] }
  const kept = new Set() // answered by the browser's own cache
  const count = url => { seen.requests += 1; seen.urls.push(url) }
  cdp.on('Network.requestServedFromCache', e => kept.add(e.requestId))
  cdp.on('Network.requestWillBeSent', e => {
    if (!e.redirectResponse) return
    count(e.redirectResponse.url)
    seen.bytes += e.redirectResponse.encodedDataLength
  })
  cdp.on('Network.responseReceived', e => {
    if (e.response.url.startsWith('data:') || e.response.fromDiskCache || kept.has(e.requestId)) return
    count(e.response.url)
  })
  cdp.on('Network.loadingFinished', e => { seen.bytes += e.encodedDataLength })
  return seen
}

// hold goes from the hours of a centre to the form.
async function hold(page, { centre = 'bornova', service = 'closing', hour = 0, day = '' } = {}) {
  await page.goto(`${server.url}/visit/izsu/at/${centre}?service=${service}${day && '&day=' + day}`)
  await page.locator('.v-hours button').nth(hour).click()
  await page.waitForSelector('#phone')
}

async function prove(page, who) {
  await page.fill('#name', who.name)
  await page.fill('#phone', who.phone)
  await send(page)
  await page.waitForSelector('#code')
  await page.fill('#code', codeIn(await newest()))
  await send(page)
  await page.waitForURL('**/v/**')
}

for (const lang of languages) {
  test(`${lang}: from the front page to the booking, within the budget`, async () => {
    const page = await open(browser, { lang })
    const seen = await weigh(page)
    const who = somebody()
    await page.goto(`${server.url}/visit/izsu/`)
    await page.click('.t-doors a >> nth=2')
    await page.waitForURL('**/centres?**')
    await page.click('.v-list a >> nth=5')
    await page.waitForSelector('.v-hours')
    await page.click('.v-hours button >> nth=3')
    await page.waitForSelector('[data-left]')
    assert.match(await page.innerText('[data-left]'), /^(10:00|9:5\d)$/, 'the time that is left is counted')
    await snap(page, `who-${lang}`)
    await sound(page, 'who')
    await prove(page, who)
    await page.waitForLoadState('networkidle')
    assert.match(await page.innerText('.t-reference'), /^\d{4} \d{4}$/)
    assert.ok(!(await page.content()).includes('Işık'), 'the page shows no whole name')
    await snap(page, `booked-${lang}`)
    await sound(page, 'booked')
    console.log(`${lang}: ${seen.requests} requests, ${seen.bytes} bytes`)
    assert.ok(seen.requests <= 8, `${seen.requests} requests, want at most 8: ${seen.urls.join(', ')}`)
    assert.ok(seen.bytes > 0 && seen.bytes <= 80_000, `${seen.bytes} bytes, want at most 80000`)
    for (const url of seen.urls) for (const value of ['532', 'Ay', '4567']) assert.ok(!decodeURIComponent(url.replace(/\/[hv]\/[^/?]+/, '')).includes(value), `${value} stands in ${url}`)
    await page.context().close()
  })

  test(`${lang}: without script`, async () => {
    const page = await open(browser, { lang, script: false })
    await page.goto(`${server.url}/visit/izsu/`)
    await page.click('.t-doors a >> nth=1')
    await page.click('.v-map a >> nth=0')
    await page.click('.v-hours button >> nth=4')
    assert.ok(await page.isHidden('[data-over]'))
    await prove(page, somebody())
    assert.equal(await page.getAttribute('html', 'lang'), lang)
    await page.context().close()
  })

  for (const width of widths) {
    for (const dark of [false, true]) {
      test(`${lang}: every page at ${width} pixels${dark ? ', dark' : ''}`, async () => {
        const page = await open(browser, { lang, width, dark })
        for (const [name, path] of Object.entries({
          all: '', front: 'izsu/', centres: 'izsu/centres?service=closing', near: 'izsu/centres?service=subscription&near=urla&matters=2',
          hours: 'izsu/at/buca?service=high-bill', wait: 'izsu/wait?service=closing&centre=buca', find: 'izsu/find', found: 'izsu/find?sent',
          desks: 'izmir-desks/', stations: 'izmir-desks/centres?service=pairing', nothing: 'izsu/nothing', over: 'izsu/v/AXb1ZVSAdoSfQVZ24_1w8oxlqXW1El5t',
        })) {
          const answer = await page.goto(`${server.url}/visit/${path}`)
          assert.equal(answer.status(), /nothing|over/.test(name) ? 404 : 200, name)
          await sound(page, name)
          await snap(page, `${name}-${lang}-${width}${dark ? '-dark' : ''}`)
        }
        await page.context().close()
      })
    }
  }
}

test('by keyboard alone', async () => {
  const page = await open(browser)
  const who = somebody()
  const stop = async want => {
    for (let i = 0; i < 120; i++) {
      await page.keyboard.press('Tab')
      const at = await page.evaluate(() => ({ id: document.activeElement.id, text: document.activeElement.textContent.trim(), label: document.activeElement.getAttribute('aria-label') ?? '' }))
      if (want(at)) return
    }
    assert.fail(`no stop at ${want}`)
  }
  await page.goto(`${server.url}/visit/izsu/`)
  await stop(at => at.text === 'Teminat iadesi')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/centres?**')
  await stop(at => at.label.startsWith('Torbalı: En erken'))
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement.firstElementChild).fill)
  assert.equal(ring, 'rgb(255, 197, 61)', 'the district in focus shows it')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.v-hours')
  await stop(at => /^1[34]:/.test(at.text))
  await page.keyboard.press('Enter')
  await page.waitForSelector('#name')
  await stop(at => at.id === 'name')
  await page.keyboard.type(who.name)
  await stop(at => at.id === 'phone')
  await page.keyboard.type(who.phone)
  await page.keyboard.press('Enter')
  await page.waitForSelector('#code')
  const code = codeIn(await newest())
  await stop(at => at.id === 'code')
  await page.keyboard.type(code)
  await page.keyboard.press('Enter')
  await page.waitForURL('**/v/**')
  await page.context().close()
})

test('every field empty, and another language keeps what was typed', async () => {
  const page = await open(browser)
  await hold(page, { centre: 'urla' })
  await send(page)
  await page.waitForSelector('.t-error-summary')
  assert.deepEqual(await page.locator('.t-error-summary a').evaluateAll(as => as.map(a => a.getAttribute('href'))), ['#name', '#phone'])
  await sound(page, 'empty')
  await page.check('#other')
  assert.ok(await page.isVisible('#visitor') && !(await page.isVisible('#name')))
  await page.fill('#visitor', 'Fatma Işık')
  await page.fill('#phone', '0212 123 45 67')
  await send(page)
  await page.waitForSelector('.t-error-summary')
  assert.deepEqual(await page.locator('.t-error-summary a').evaluateAll(as => as.map(a => a.getAttribute('href'))), ['#phone'])
  assert.equal(await page.inputValue('#visitor'), 'Fatma Işık')
  for (const lang of ['ar', 'en', 'tr']) {
    await page.click(`.t-lang [lang=${lang}]`)
    await page.waitForSelector(`html[lang=${lang}]`)
    assert.equal(await page.inputValue('#visitor'), 'Fatma Işık')
    assert.ok(await page.isChecked('#other'))
  }
  await page.goto(`${server.url}/visit/izsu/centres?service=closing&near=urla`)
  await page.click('.t-lang [lang=en]')
  assert.match(page.url(), /service=closing/, 'the language switch keeps the choice')
  assert.equal(await page.inputValue('#near'), 'urla')
  await page.context().close()
})

test('two windows, a double press and the way back make one booking', async () => {
  const page = await open(browser)
  const who = somebody()
  await hold(page, { centre: 'foca', hour: 1 })
  const first = await page.innerText('.t-summary-list')
  const second = await page.context().newPage()
  await second.goto(`${server.url}/visit/izsu/at/foca?service=closing`)
  await second.click('.v-hours button >> nth=6')
  await second.waitForSelector('#phone')
  const moved = await second.innerText('.t-summary-list')
  assert.notEqual(first, moved)
  // The first window still shows the first hour: it is told, and nothing is booked.
  await page.fill('#name', who.name)
  await page.fill('#phone', who.phone)
  await send(page)
  await page.waitForSelector('[role=alert]')
  assert.equal(await page.innerText('.t-summary-list'), moved)
  assert.equal(await page.inputValue('#name'), who.name)
  // Pressed twice: one code.
  const before = (await messages()).length
  await page.evaluate(() => {
    const f = document.getElementById('form')
    fetch(f.action, { method: 'POST', body: new URLSearchParams(new FormData(f)) })
  })
  await send(page)
  await page.waitForSelector('#code')
  assert.equal((await messages()).length, before + 1)
  // Back, and on again: the form comes back as it was.
  const code = codeIn(await newest())
  await page.goBack()
  await page.waitForSelector('#phone')
  assert.equal(await page.inputValue('#phone'), who.phone)
  await page.goForward()
  await page.waitForSelector('#code')
  await page.fill('#code', code)
  await Promise.all([page.waitForURL('**/v/**'), page.evaluate(c => {
    const f = document.getElementById('form')
    return fetch(f.action, { method: 'POST', body: new URLSearchParams({ code: c }) }).then(() => f.requestSubmit())
  }, code)])
  const told = (await messages()).filter(m => m.startsWith('Randevunuz: Foca'))
  assert.equal(told.length, 1, told.join(' / '))
  await page.context().close()
})

test('too late: taken anew where it is free, else another hour with what was typed', async () => {
  const page = await open(browser)
  const who = somebody()
  await hold(page, { centre: 'dikili', hour: 2 })
  await page.fill('#name', who.name)
  await page.fill('#phone', who.phone)
  await later('11m')
  await send(page)
  await page.waitForSelector('#code')
  await later('31m')
  await page.fill('#code', codeIn(await newest()))
  await send(page)
  await page.waitForSelector('.t-error-summary')
  await page.context().close()

  const unlucky = await open(browser)
  await hold(unlucky, { centre: 'kinik', service: 'closing' })
  const day = new URL(await unlucky.locator('.t-back').evaluate(a => a.href)).searchParams.get('day')
  await unlucky.fill('#name', who.name)
  await unlucky.fill('#phone', who.phone)
  await later('11m')
  await fill('kinik', day)
  await send(unlucky)
  await unlucky.waitForSelector('.t-error-summary')
  await sound(unlucky, 'late')
  await snap(unlucky, 'late-tr')
  assert.match(await unlucky.innerText('.t-error-summary'), /süre doldu/)
  await unlucky.click('.v-days a:not(.v-full) >> nth=0')
  await unlucky.waitForSelector('.v-hours')
  await unlucky.context().close()
})

test('a full day says when more is let out, and the waiting list asks', async () => {
  const page = await open(browser)
  const at = `${server.url}/visit/izsu/at/cesme?service=closing`
  await page.goto(at)
  const days = await page.locator('.v-days a').evaluateAll(as => as.map(a => new URL(a.href).searchParams.get('day')))
  for (const d of days) await fill('cesme', d)
  await page.goto(`${at}&day=${days.at(-1)}`)
  assert.match(await page.innerText('.t-notice'), /dolu\. Yeni yerler .* açılacak/)
  await sound(page, 'full')
  await snap(page, 'full-tr')
  await page.goto(`${server.url}/visit/izsu/centres?service=closing`)
  assert.match(await page.locator('.v-list li', { hasText: 'Çeşme' }).innerText(), /Dolu. Yeni yerler/)
  await page.goto(at)
  await page.click('main a[href*="/wait?"]')
  const who = somebody()
  await page.fill('#name', who.name)
  await page.fill('#phone', who.phone)
  await send(page)
  await page.waitForSelector('#code')
  await page.fill('#code', codeIn(await newest()))
  await send(page)
  await page.waitForSelector('.t-panel')
  await sound(page, 'waiting')
  await snap(page, 'waiting-tr')
  await page.context().close()
})

// calendar reads a file as a calendar does.
async function calendar(page, path) {
  const answer = await page.request.get(server.url + path)
  assert.match(answer.headers()['content-type'], /^text\/calendar; charset=utf-8/)
  const c = new ICAL.Component(ICAL.parse(await answer.text()))
  const e = new ICAL.Event(c.getFirstSubcomponent('vevent'))
  return { method: c.getFirstPropertyValue('method'), uid: e.uid, sequence: e.sequence, start: e.startDate.toJSDate().getTime(), summary: e.summary, status: e.component.getFirstPropertyValue('status') }
}

test('the link: seen, moved, cancelled, in the calendar each time', async () => {
  const page = await open(browser)
  const who = somebody()
  await hold(page, { centre: 'tire', hour: 0 })
  await prove(page, who)
  const mine = await link()
  await page.goto(server.url + mine)
  await sound(page, 'card')
  await snap(page, 'card-tr')
  assert.match(await page.innerText('.t-summary-list'), /A\*\*\* I\*\*\*/)
  const booked = await calendar(page, mine + '/randevu.ics')
  assert.equal(booked.method, 'PUBLISH')

  await page.click('text=Günü veya saati değiştir')
  await page.waitForSelector('.v-hours')
  await page.click('.v-days a >> nth=2')
  await page.waitForSelector('.v-hours')
  await page.click('.v-hours button >> nth=5')
  await page.waitForURL('**?moved')
  await snap(page, 'moved-tr')
  const moved = await calendar(page, mine + '/randevu.ics')
  assert.deepEqual([moved.method, moved.uid], ['PUBLISH', booked.uid])
  assert.ok(moved.sequence > booked.sequence && moved.start > booked.start, JSON.stringify([booked, moved]))
  assert.match(await newest(), /^Yeni saatiniz: Tire/)

  await page.click('summary')
  await page.click('text=Daha erken yer açılırsa sor')
  await page.waitForURL('**?wait')
  await sound(page, 'sooner')

  await page.click('text=İptal et')
  await sound(page, 'cancel')
  await snap(page, 'cancel-tr')
  await page.click('button.t-button--warning')
  await page.waitForSelector('text=Randevu iptal edildi')
  const gone = await calendar(page, mine + '/randevu.ics')
  assert.deepEqual([gone.method, gone.uid, gone.status], ['CANCEL', booked.uid, 'CANCELLED'])
  assert.ok(gone.sequence > moved.sequence)
  await sound(page, 'cancelled')
  await snap(page, 'cancelled-tr')
  await page.context().close()
})

test('who asks for a link learns nothing', async () => {
  const page = await open(browser)
  const who = somebody()
  await hold(page, { centre: 'kiraz', hour: 3 })
  await prove(page, who)
  const code = await page.innerText('.t-reference')
  await later('2m')
  const ask = async (c, phone) => {
    await page.goto(`${server.url}/visit/izsu/find`)
    await page.fill('#code', c)
    await page.fill('#phone', phone)
    await send(page)
    await page.waitForURL('**?sent')
    return page.content()
  }
  const before = (await messages()).length
  const no = await ask('9999 9999', '1234')
  assert.equal((await messages()).length, before)
  const yes = await ask(code, '4567')
  assert.equal(yes, no, 'the same page whether there is such a visit')
  assert.equal((await messages()).length, before + 1)
  assert.match(await newest(), /visit\/izsu\/v\//)
  await page.context().close()
})

test('the same matter twice: shown to who has proven the phone', async () => {
  const page = await open(browser)
  const who = somebody()
  await hold(page, { centre: 'selcuk', hour: 1 })
  await prove(page, who)
  await later('2m')
  await hold(page, { centre: 'selcuk', hour: 4 })
  await page.fill('#name', who.name)
  await page.fill('#phone', who.phone)
  await send(page)
  await page.waitForSelector('#code')
  await page.fill('#code', codeIn(await newest()))
  await send(page)
  await page.waitForSelector('text=Zaten randevunuz var')
  await sound(page, 'standing')
  await page.click('.t-doors a')
  await page.waitForURL('**/v/**')
  await page.context().close()
})
