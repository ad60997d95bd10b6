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
