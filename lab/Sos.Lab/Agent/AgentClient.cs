using System;
using System.Collections.Concurrent;
using System.IO;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Sos.Lab.Agent;

/// <summary>The host's side of the agent: starts commands and sorts what they answer.</summary>
internal sealed class AgentClient : IDisposable
{
    private readonly Socket _socket;
    private readonly NetworkStream _stream;
    private readonly FrameStream _frames;
    private readonly ConcurrentDictionary<uint, GuestCommand> _commands = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private uint _lastCommand;
    private volatile string? _gone;

    private AgentClient(Socket socket)
    {
        _socket = socket;
        _stream = new NetworkStream(socket);
        _frames = new FrameStream(_stream, _stream);
        new Thread(Receive) { IsBackground = true, Name = "agent" }.Start();
    }

    /// <summary>Ends when the guest can run commands.</summary>
    public Task Ready => _ready.Task;

    /// <summary>Connects to QEMU's end of the port.</summary>
    /// <param name="path">The socket, which QEMU may not have made yet.</param>
    /// <param name="stop">Ends the attempts.</param>
    public static async Task<AgentClient> ConnectAsync(string path, CancellationToken stop)
    {
        while (true)
        {
            Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop);
                return new AgentClient(socket);
            }
            catch (SocketException)
            {
                socket.Dispose();
                await Task.Delay(TimeSpan.FromMilliseconds(20), stop);
            }
        }
    }

    /// <summary>Starts a shell command line in the guest.</summary>
    public GuestCommand Start(string line)
    {
        uint number = Interlocked.Increment(ref _lastCommand);
        GuestCommand command = new(number, line, _frames);
        _commands[number] = command;
        if (_gone is { } reason)
        {
            command.Fail(reason);
            return command;
        }

        _frames.Write(number, FrameKind.Start, Encoding.UTF8.GetBytes(line));
        return command;
    }

    /// <summary>Makes every command fail, those to come too: the guest is gone.</summary>
    public void Fail(string reason)
    {
        _gone = reason;
        FailRunning(reason);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
        _socket.Dispose();
    }

    private void FailRunning(string reason)
    {
        foreach (GuestCommand command in _commands.Values)
        {
            command.Fail(reason);
        }
    }

    private void Receive()
    {
        try
        {
            while (_frames.Read() is { } frame)
            {
                if (frame.Kind == FrameKind.Ready)
                {
                    // A second one means that the agent was started anew and its commands are lost.
                    FailRunning("the guest's agent was started again");
                    _commands.Clear();
                    _ = _ready.TrySetResult();
                }
                else if (_commands.TryGetValue(frame.Command, out GuestCommand? command) && command.Receive(frame))
                {
                    _ = _commands.TryRemove(frame.Command, out _);
                }
            }
        }
        catch (Exception problem) when (problem is IOException or ObjectDisposedException or InvalidDataException)
        {
            Fail($"the connection to the guest broke: {problem.Message}");
            return;
        }

        Fail("the guest is gone");
    }
}
