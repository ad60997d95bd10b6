// The clerk's screen, the greeter's page, the printed number and the call
// centre, as those who work there meet them all day: by keyboard, with and
// without script, in three languages.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { languages, launch, open, out, overflow, start, violations } from './lib.js'

let server, browser
before(async () => {
  [server, browser] = await Promise.all([start(process.env.DESK_BIN ?? join(out, 'desk'), []), launch()])
})
after(async () => { await browser?.close(); server?.stop() })

const queue = path => `${server.url}/staff/izsu/queue/konak/${path}`
const call = () => `${server.url}/staff/izsu/call/`
const snap = (page, name) => page.screenshot({ path: join(out, name + '.png'), fullPage: true })

async function enter(as, more = {}) {
  const page = await open(browser, { width: 1280, ...more })
  await page.goto(`${server.url}/test/enter?as=${as}`)
  return page
}

async function clerk(desk, more) {
  const page = await enter('clerk', more)
  await page.goto(queue('desk'))
  await page.check(`input[name=desk][value="${desk}"]`)
  await page.locator('main form button.t-button').first().click()
  await page.waitForURL(queue(''))
  return page
}

for (const lang of languages) {
  for (const [width, dark] of [[1280, false], [360, true]]) {
    test(`${lang} ${width}: every page reads well and fits`, async () => {
      const page = await enter('clerk', { lang, width, dark })
      const look = async name => {
        assert.deepEqual(await violations(page), [], name)
        assert.equal(await overflow(page), 0, `${name}: wider than its window`)
        await snap(page, `${name}-${lang}-${width}`)
      }
      await page.goto(queue('desk'))
      await look('desk')
      await page.check('input[name=desk][value="2"]')
      await page.locator('main form button.t-button').first().click()
      await page.waitForURL(queue(''))
      await look('counter')
      await page.goto(queue('arrivals'))
      await page.fill('#query', 'ism')
      await page.keyboard.press('Enter')
      await page.waitForSelector('#found')
      await look('arrivals')
      await page.locator('a[href*="/visit/"]').first().click()
      await page.waitForSelector('#note')
      await look('visit')
      await page.goto(queue('list'))
      await look('list')
      await page.goto(queue('ticket/4'))
      await look('ticket')
      await page.context().close()
      const agent = await enter('agent', { lang, width, dark })
      await agent.goto(call())
      await agent.fill('#phone', '0532 000 01 05')
      await agent.keyboard.press('Enter')
      await agent.waitForSelector('.c-visits')
      await agent.locator('input[name=service]').nth(1).check()
      await agent.keyboard.press('Enter')
      await agent.waitForSelector('#slot')
      assert.deepEqual(await violations(agent), [], 'call')
      assert.equal(await overflow(agent), 0, 'call: wider than its window')
      await snap(agent, `call-${lang}-${width}`)
      await agent.context().close()
    })
  }
}

test('from ringing to booked on the keyboard alone, under a minute', async () => {
  const page = await enter('agent')
  await page.goto(call())
  let keys = 0
  let typed = 0
  const press = async key => { keys += 1; await page.keyboard.press(key) }
  const type = async text => { typed += text.length; await page.keyboard.type(text, { delay: 120 }) } // a fair typist
  const think = ms => page.waitForTimeout(ms)
  const focus = () => page.evaluate(() => document.activeElement?.id ?? '')
  const began = Date.now()
  // Where the hands are at each step is part of the promise: nothing is clicked
  // and nothing is looked for with Tab.
  assert.equal(await focus(), 'phone')
  await type('05320000977')
  await press('Enter')
  await page.waitForFunction(() => document.activeElement?.id === 'service')
  await think(3000) // "I want my deposit back"
  await press('4')
  await press('Enter')
  await page.waitForFunction(() => document.activeElement?.id === 'slot')
  await think(5000) // reads out three places
  await press('2')
  await press('Enter')
  await page.waitForFunction(() => document.activeElement?.id === 'first')
  await think(2000)
  await type('Gülizar')
  await press('Tab')
  await type('Öztürk')
  await press('Enter')
  await page.waitForSelector('.c-code')
  const seconds = (Date.now() - began) / 1000
  const code = (await page.locator('.c-code').innerText()).trim()
  assert.match(code, /^\d{4} \d{4}$/)
  await snap(page, 'call-done-tr-1280')
  assert.deepEqual(await violations(page), [], 'read aloud')
  const texts = await (await fetch(`${server.url}/test/texts`)).json()
  assert.ok(texts.at(-1).includes(code), `the newest text has the code ${code}: ${texts.at(-1)}`)
  console.log(`a call: ${keys} keystrokes besides ${typed} typed letters, ${seconds.toFixed(1)} s with 10 s of talk`)
  assert.ok(keys <= 40, `${keys} keystrokes, want at most 40`)
  assert.ok(seconds < 60, `${seconds} s, want under a minute`)
  // Return begins the next call.
  assert.equal(await focus(), 'new')
  await press('Enter')
  await page.waitForFunction(() => document.activeElement?.id === 'phone')
  assert.equal(await page.inputValue('#phone'), '')
  // A caller with a visit: moved and cancelled, still by keyboard.
  await type('05320000977')
  await press('Enter')
  await page.waitForSelector('.c-visits li')
  await page.locator('button[value^="move:"]').focus()
  await press('Enter')
  await page.waitForFunction(() => document.activeElement?.name === 'slot')
  await press('Enter')
  await page.waitForSelector('.c-code')
  assert.equal((await page.locator('.c-code').innerText()).trim(), code, 'the code stays when a visit moves')
  await page.context().close()
})

test('a place held while talking counts down', async () => {
  const page = await enter('agent')
  await page.goto(call())
  await page.fill('#phone', '0532 000 09 88')
  await page.locator('input[name=service]').nth(2).check()
  await page.keyboard.press('Enter')
  await page.waitForSelector('#slot')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.c-left')
  const first = await page.locator('.c-left').innerText()
  assert.match(first, /^(10:00|9:5\d)$/)
  await page.waitForTimeout(2500)
  assert.notEqual(await page.locator('.c-left').innerText(), first)
  await snap(page, 'call-held-tr-1280')
  assert.deepEqual(await violations(page), [])
  // The other language keeps all that was typed, and the place.
  await page.fill('#first', 'Ayşe')
  await page.locator('.t-lang button[value=ar]').click()
  await page.waitForSelector('html[lang=ar] .c-left')
  assert.equal(await page.inputValue('#first'), 'Ayşe')
  await page.keyboard.press('F9')
  await page.waitForSelector('#slot')
  await page.context().close()
})

test('a clerk serves by function keys, and the screen keeps itself up to date', async () => {
  const page = await clerk('3')
  const other = await clerk('3', { lang: 'en' })
  const said = () => page.locator('.c-said').innerText()
  await page.keyboard.press('F2')
  await page.waitForSelector('.c-number')
  const number = await page.locator('.c-mine .c-number').innerText()
  assert.match(await said(), new RegExp(`^${number} numara 3 numaralı`))
  // Whoever looks at the same counter sees it without doing anything.
  await other.waitForFunction(n => document.querySelector('.c-mine .c-number')?.innerText === n, number, { timeout: 8000 })
  await page.keyboard.press('F8')
  await page.waitForFunction(() => /bir daha/.test(document.querySelector('.c-said').innerText))
  await page.keyboard.press('F4')
  await page.waitForFunction(() => /başladı/.test(document.querySelector('.c-said').innerText))
  await page.keyboard.press('F7')
  await page.waitForFunction(() => /geri alındı/.test(document.querySelector('.c-said').innerText))
  await page.keyboard.press('F4')
  await page.waitForFunction(() => /başladı/.test(document.querySelector('.c-said').innerText))
  await page.keyboard.press('F9')
  await page.waitForFunction(() => /bekletiliyor/.test(document.querySelector('.c-said').innerText))
  await page.waitForTimeout(5000)
  assert.ok(await page.locator('.c-mine kbd:visible').count() > 0, 'the keys are still named after the screen has renewed itself')
  // An open list of matters is not swapped from under the hand.
  await page.keyboard.press('F2')
  await page.waitForSelector('.c-mine .c-number')
  await page.locator('.c-mine summary').click()
  await page.waitForTimeout(5500)
  assert.ok(await page.locator('.c-mine details').evaluate(e => e.open), 'the opened list stays open')
  // Without a connection it says so, and goes on when there is one.
  await page.locator('.c-mine summary').click()
  await page.locator('h1').click()
  await page.context().setOffline(true)
  await page.waitForSelector('.c-offline:not([hidden])', { timeout: 12000 })
  await page.context().setOffline(false)
  await page.waitForSelector('.c-offline', { state: 'hidden', timeout: 12000 })
  await page.keyboard.press('F2')
  await page.context().close()
  await other.context().close()
})

test('everything works without script', async () => {
  const page = await clerk('2', { script: false })
  assert.equal(await page.locator('noscript meta[http-equiv=refresh]').count() + await page.locator('meta[http-equiv=refresh]').count() > 0, true)
  assert.equal(await page.locator('kbd:visible').count(), 0, 'no key is named that does not work')
  await page.locator('#do-finish-3, #do-next-0').first().click()
  await page.waitForSelector('.c-said')
  await page.goto(queue('arrivals'))
  await page.fill('#query', '0106')
  await page.locator('#find button.t-button').click()
  await page.locator('button[id^=arrive-]').first().click()
  await page.waitForURL('**/arrivals?did=arrive*')
  assert.match(await page.locator('.c-said').innerText(), /Numarası \d+/)
  await page.locator('.c-walk button').nth(2).click()
  await page.waitForURL('**/ticket/*')
  await page.locator('#done').click()
  await page.waitForURL('**/arrivals')
  await page.context().close()
})

test('a printed number fits a roll of 80 mm', async () => {
  const page = await enter('clerk')
  await page.goto(queue('ticket/1'))
  const pdf = await page.pdf({ path: join(out, 'ticket.pdf'), preferCSSPageSize: true })
  const boxes = [...pdf.toString('latin1').matchAll(/\/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)/g)]
  assert.equal(boxes.length, 1, `${boxes.length} pages, want one`)
  const mm = Number(boxes[0][1]) / 72 * 25.4
  assert.ok(Math.abs(mm - 80) < 1, `${mm} mm wide, want 80`)
  await page.context().close()
})
