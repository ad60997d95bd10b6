// A HES code held before the camera: the field fills in. The camera is a film
// of one picture; the reader is the one we ship, since Chromium on Linux has
// none of its own.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { guide, launch, open, out } from './lib.js'

const film = join(out, 'code.y4m')
let server
before(async () => { server = await guide() })
after(() => server?.stop())

// shoot makes a film of the square code on the guide's receipt, small and off
// the middle as a hand would hold it.
async function shoot() {
  const browser = await launch()
  const page = await open(browser)
  await page.goto(`${server.url}/guide/done`)
  const svg = await page.locator('.t-qr').evaluate(e => e.outerHTML.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300" '))
  const plain = await (await browser.newContext()).newPage()
  const grey = await plain.evaluate(async svg => {
    const image = new Image()
    image.src = 'data:image/svg+xml;base64,' + btoa(unescape(encodeURIComponent(svg)))
    await image.decode()
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 })
    const draw = canvas.getContext('2d')
    draw.fillStyle = '#999'
    draw.fillRect(0, 0, 640, 480)
    draw.translate(120, 60)
    draw.rotate(0.08)
    draw.fillStyle = '#fff'
    draw.fillRect(0, 0, 300, 300)
    draw.drawImage(image, 0, 0, 300, 300)
    const { data } = draw.getImageData(0, 0, 640, 480)
    return Array.from({ length: 640 * 480 }, (_, i) => data[4 * i])
  }, svg)
  await browser.close()
  const colour = Buffer.alloc(320 * 240 * 2, 128)
  const frame = Buffer.concat([Buffer.from('FRAME\n'), Buffer.from(grey), colour])
  writeFileSync(film, Buffer.concat([Buffer.from('YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420\n'), ...Array(5).fill(frame)]))
}

test('a square code before the camera fills the field', async () => {
  await shoot()
  const browser = await launch(['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${film}`])
  const page = await open(browser, { permissions: ['camera'] })
  const said = []
  page.on('console', m => said.push(m.text()))
  page.on('pageerror', e => said.push(String(e)))
  await page.goto(`${server.url}/istanbul/pair`)
  const asked = []
  page.on('request', r => asked.push(new URL(r.url()).pathname))
  await page.click('[data-scan=hes]')
  await page.waitForFunction(() => document.getElementById('hes').value !== '', null, { timeout: 15_000 }).catch(() => assert.fail(`nothing was read: ${said.join(' ')}`))
  assert.equal(await page.inputValue('#hes'), 'K7M29XQ4A1')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'hes', 'the focus is on what was filled in')
  assert.equal(await page.locator('video').count(), 0, 'the camera is off again')
  assert.deepEqual(asked.map(p => p.replace(/[0-9a-f]{16}/, 'x')), ['/assets/x.js'], 'the reader is fetched when it is wanted and not before')
  await browser.close()
})

test('without a camera there is no button for it', async () => {
  const browser = await launch()
  const page = await open(browser, { script: false })
  await page.goto(`${server.url}/istanbul/pair`)
  assert.equal(await page.isVisible('[data-scan]'), false)
  await browser.close()
})
