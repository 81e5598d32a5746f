// The search of pages that are read from a disk. A browser starts no worker from a
// file; what the worker runs takes messages in the same way from a frame of the page.
window.Worker = class extends EventTarget {
  constructor(url) {
    super()
    const frame = document.createElement("iframe")
    frame.hidden = true
    frame.srcdoc = `<script>
      self.postMessage = data => frameElement.told(data)
    <\/script><script src="${url}"><\/script>`
    frame.told = data => {
      const event = new MessageEvent("message", { data })
      this.dispatchEvent(event)
      this.onmessage?.(event)
    }
    this.window = new Promise(resolve => frame.addEventListener("load", () => resolve(frame.contentWindow)))
    document.documentElement.append(frame)
  }

  postMessage(data) {
    this.window.then(window => window.dispatchEvent(new MessageEvent("message", { data })))
  }

  terminate() {}
}
