// What the pages use of the vendored client; its own types come with the npm package only.

export interface Socket {
  readonly connected: boolean;
  readonly id?: string;
  on(event: string, listener: (...args: any[]) => void): this;
  onAny(listener: (event: string, ...args: any[]) => void): this;
  emit(event: string, ...args: any[]): this;
  connect(): this;
  disconnect(): this;
  readonly io: { on(event: string, listener: (...args: any[]) => void): void };
}

export function io(url?: string, options?: Record<string, unknown>): Socket;
