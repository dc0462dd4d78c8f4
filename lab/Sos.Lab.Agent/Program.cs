using System;
using System.Collections.Concurrent;
using System.IO;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Sos.Lab.Agent;

// The first argument is the virtio-serial port, for example /dev/vport3p1. init starts the agent again should it end.
if (args is not [string port])
{
    Console.Error.WriteLine("usage: sos-lab-agent PORT");
    return 2;
}

// A virtio-serial port can be opened only once, so both directions share the handle.
using SafeFileHandle handle = File.OpenHandle(port, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
using FileStream input = new(handle, FileAccess.Read, bufferSize: 0);
using FileStream output = new(handle, FileAccess.Write, bufferSize: 0);
FrameStream frames = new(input, output);
ConcurrentDictionary<uint, GuestProcess> processes = new();
frames.Write(0, FrameKind.Ready, []);

while (frames.Read() is { } frame)
{
    switch (frame.Kind)
    {
        case FrameKind.Start:
            GuestProcess.Start(frame.Command, Encoding.UTF8.GetString(frame.Payload), frames, processes);
            break;
        case FrameKind.Input when processes.TryGetValue(frame.Command, out GuestProcess? process):
            process.WriteInput(frame.Payload);
            break;
        case FrameKind.InputEnd when processes.TryGetValue(frame.Command, out GuestProcess? process):
            process.EndInput();
            break;
        case FrameKind.Kill when processes.TryGetValue(frame.Command, out GuestProcess? process):
            process.Kill();
            break;
        default:
            // A command that has just ended: its input or kill came too late, which is no error.
            break;
    }
}

return 0;
