using System;
using System.Buffers.Binary;
using System.IO;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Sos.Lab.Agent;

/// <summary>A command that runs in the guest.</summary>
public sealed class GuestCommand
{
    private readonly uint _number;
    private readonly FrameStream _frames;
    private readonly Lock _lock = new();
    private readonly MemoryStream _output = new();
    private readonly MemoryStream _error = new();
    private readonly TaskCompletionSource<int> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal GuestCommand(uint number, string line, FrameStream frames)
    {
        _number = number;
        _frames = frames;
        Line = line;
    }

    /// <summary>Called with each piece of standard output as it arrives.</summary>
    public event Action<ReadOnlyMemory<byte>>? OutputReceived;

    /// <summary>The command line.</summary>
    public string Line { get; }

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => _exit.Task.IsCompleted;

    /// <summary>Standard output so far.</summary>
    public string Output => Encoding.UTF8.GetString(OutputBytes);

    /// <summary>Standard error so far.</summary>
    public string Error
    {
        get
        {
            lock (_lock)
            {
                return Encoding.UTF8.GetString(_error.GetBuffer().AsSpan(0, (int)_error.Length));
            }
        }
    }

    /// <summary>Standard output so far, as bytes.</summary>
    public byte[] OutputBytes
    {
        get
        {
            lock (_lock)
            {
                return _output.ToArray();
            }
        }
    }

    /// <summary>Sends bytes to standard input.</summary>
    public void WriteInput(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int count = Math.Min(bytes.Length, FrameStream.PayloadMax);
            _frames.Write(_number, FrameKind.Input, bytes[..count]);
            bytes = bytes[count..];
        }
    }

    /// <summary>Closes standard input.</summary>
    public void EndInput() => _frames.Write(_number, FrameKind.InputEnd, []);

    /// <summary>Kills the command and what it started; <see cref="WaitAsync"/> then returns 137.</summary>
    public void Kill() => _frames.Write(_number, FrameKind.Kill, []);

    /// <summary>Waits for the end.</summary>
    /// <param name="timeout">Limit, after which the command is killed.</param>
    /// <exception cref="TimeoutException">It took longer.</exception>
    /// <exception cref="LabException">The guest died meanwhile.</exception>
    public async Task<CommandResult> WaitAsync(TimeSpan timeout)
    {
        try
        {
            int code = await _exit.Task.WaitAsync(timeout);
            return new CommandResult(Line, code, Output, Error);
        }
        catch (TimeoutException)
        {
            Kill();
            throw new TimeoutException($"'{Line}' took longer than {timeout.TotalSeconds:0} s in the guest\n{Output}{Error}");
        }
    }

    /// <summary>Takes a frame; returns true if it was the last one.</summary>
    internal bool Receive(Frame frame)
    {
        switch (frame.Kind)
        {
            case FrameKind.Output:
                lock (_lock)
                {
                    _output.Write(frame.Payload);
                }

                OutputReceived?.Invoke(frame.Payload);
                return false;
            case FrameKind.Error:
                lock (_lock)
                {
                    _error.Write(frame.Payload);
                }

                return false;
            case FrameKind.Exit:
                _ = _exit.TrySetResult(BinaryPrimitives.ReadInt32LittleEndian(frame.Payload));
                return true;
            default:
                throw new InvalidDataException($"the guest's agent sent an unknown frame {frame.Kind}");
        }
    }

    internal void Fail(string reason) => _ = _exit.TrySetException(new LabException($"'{Line}': {reason}"));
}
