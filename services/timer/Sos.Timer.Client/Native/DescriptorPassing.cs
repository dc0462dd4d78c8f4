using System;
using System.IO;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Sos.Timer.Client.Native;

/// <summary>Sends and receives two descriptors with a message over a Unix socket (unix(7), SCM_RIGHTS).</summary>
internal static unsafe class DescriptorPassing
{
    /// <summary>Sends.</summary>
    /// <exception cref="IOException">The peer is gone.</exception>
    public static void Send(Socket socket, ReadOnlySpan<byte> bytes, SafeFileHandle first, SafeFileHandle second)
    {
        fixed (byte* start = bytes)
        {
            ClientCalls.Buffer buffer = new() { Start = start, Length = (nuint)bytes.Length };
            ClientCalls.RightsMessage rights = new()
            {
                Length = ClientCalls.RightsMessage.HeaderSize + (2 * sizeof(int)),
                Level = ClientCalls.SocketLevel,
                Type = ClientCalls.Rights,
                First = (int)first.DangerousGetHandle(),
                Second = (int)second.DangerousGetHandle(),
            };
            ClientCalls.MessageHeader message = new()
            {
                Buffers = &buffer,
                BufferCount = 1,
                Control = &rights,
                ControlLength = (nuint)sizeof(ClientCalls.RightsMessage),
            };
            if (ClientCalls.SendMessage((int)socket.Handle, &message, ClientCalls.NoSignal) != bytes.Length)
            {
                throw new IOException($"the descriptors were not sent: {Marshal.GetLastPInvokeErrorMessage()}");
            }
        }

        GC.KeepAlive(first);
        GC.KeepAlive(second);
    }

    /// <summary>Receives.</summary>
    /// <returns>Bytes received; the descriptors are null if none came.</returns>
    /// <exception cref="IOException">The peer is gone.</exception>
    public static int Receive(Socket socket, Span<byte> bytes, out SafeFileHandle? first, out SafeFileHandle? second)
    {
        fixed (byte* start = bytes)
        {
            ClientCalls.Buffer buffer = new() { Start = start, Length = (nuint)bytes.Length };
            ClientCalls.RightsMessage rights = default;
            ClientCalls.MessageHeader message = new()
            {
                Buffers = &buffer,
                BufferCount = 1,
                Control = &rights,
                ControlLength = (nuint)sizeof(ClientCalls.RightsMessage),
            };
            nint count = ClientCalls.ReceiveMessage((int)socket.Handle, &message, ClientCalls.ReceiveCloseOnExec);
            if (count < 0)
            {
                throw new IOException($"no answer: {Marshal.GetLastPInvokeErrorMessage()}");
            }

            bool whole = rights.Length == ClientCalls.RightsMessage.HeaderSize + (2 * sizeof(int))
                && rights.Level == ClientCalls.SocketLevel && rights.Type == ClientCalls.Rights;
            first = whole ? new SafeFileHandle(rights.First, ownsHandle: true) : null;
            second = whole ? new SafeFileHandle(rights.Second, ownsHandle: true) : null;
            return (int)count;
        }
    }
}
