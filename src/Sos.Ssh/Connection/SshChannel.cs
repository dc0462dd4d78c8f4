using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Sdk.Memory;

namespace Sos.Ssh.Connection;

/// <summary>A channel of the kind "session" (RFC 4254, 6): its windows, its input, what it runs, what is to be told of it.</summary>
internal struct SshChannel
{
    /// <summary>Bytes that the client may send before they are read. Also the longest data in one message.</summary>
    public const int InputSize = 2048;

    /// <summary>Bytes of a command at most.</summary>
    public const int CommandSizeMax = 512;

    private InputBytes _input;
    private CommandBytes _command;
    private int _commandLength;
    private int _readAt;
    private int _count;
    private int _toReturn; // bytes that were read and not given back to the client's window yet

    /// <summary>Whether the slot is in use.</summary>
    public bool IsOpen { get; set; }

    /// <summary>The client's number of the channel.</summary>
    public uint RemoteId { get; private set; }

    /// <summary>Bytes that the client takes still.</summary>
    public uint RemoteWindow { get; set; }

    /// <summary>Bytes of data that the client takes in one message.</summary>
    public uint RemotePacketMax { get; private set; }

    /// <summary>Bytes that the client may still send.</summary>
    public int Window { get; private set; }

    /// <summary>Whether a shell or a command was begun.</summary>
    public bool IsStarted { get; set; }

    /// <summary>The terminal, if the client asked for one.</summary>
    public SshTerminal Terminal { get; set; }

    /// <summary>Whether the client said that it sends nothing more.</summary>
    public bool HasInputEnded { get; set; }

    /// <summary>Whether the client closed the channel.</summary>
    public bool IsCloseReceived { get; set; }

    /// <summary>Whether this side closed the channel.</summary>
    public bool IsCloseSent { get; set; }

    /// <summary>Whether the host of the session ended what runs here.</summary>
    public bool IsExiting { get; set; }

    /// <summary>The status with which it ended.</summary>
    public uint ExitStatus { get; set; }

    /// <summary>A bit for each <see cref="SshEventKind"/> to tell.</summary>
    public uint Events { get; set; }

    /// <summary>The last signal.</summary>
    public SshSignal Signal { get; set; }

    /// <summary>The last break's length, ms.</summary>
    public uint BreakMs { get; set; }

    /// <summary>The command to run.</summary>
    [UnscopedRef]
    public ReadOnlySpan<byte> Command => ((Span<byte>)_command)[.._commandLength];

    /// <summary>Bytes that were received and not read.</summary>
    public readonly int Available => _count;

    /// <summary>Opens the slot.</summary>
    public void Open(uint remoteId, uint remoteWindow, uint remotePacketMax)
    {
        (IsOpen, RemoteId, RemoteWindow, RemotePacketMax, Window) = (true, remoteId, remoteWindow, remotePacketMax, InputSize);
        (_commandLength, _readAt, _count, _toReturn) = (0, 0, 0, 0);
        (IsStarted, HasInputEnded, IsCloseReceived, IsCloseSent, IsExiting) = (false, false, false, false, false);
        (ExitStatus, Events, Signal, BreakMs) = (0, 0, SshSignal.Other, 0);
        Terminal = default;
    }

    /// <summary>Notes that the host of the session is to be told.</summary>
    public void Tell(SshEventKind kind) => Events |= 1u << (int)kind;

    /// <summary>Keeps a command.</summary>
    /// <returns>False if it is too long.</returns>
    public bool TrySetCommand(ReadOnlySpan<byte> command)
    {
        if (!command.TryCopyTo(_command))
        {
            return false;
        }

        _commandLength = command.Length;
        return true;
    }

    /// <summary>Takes data within the window.</summary>
    public void Append(ReadOnlySpan<byte> data)
    {
        Trap.Unless(data.Length <= Window, TrapCode.BufferBounds);
        Span<byte> input = _input;
        int at = (_readAt + _count) % InputSize;
        int first = Math.Min(data.Length, InputSize - at);
        data[..first].CopyTo(input[at..]);
        data[first..].CopyTo(input);
        _count += data.Length;
        Window -= data.Length;
    }

    /// <summary>Takes data within the window that nobody reads.</summary>
    public void Discard(int count)
    {
        Window -= count;
        _toReturn += count;
    }

    /// <summary>Reads what was received.</summary>
    public int Read(Span<byte> data)
    {
        ReadOnlySpan<byte> input = _input;
        int count = Math.Min(data.Length, _count);
        int first = Math.Min(count, InputSize - _readAt);
        input.Slice(_readAt, first).CopyTo(data);
        input[..(count - first)].CopyTo(data[first..]);
        _readAt = (_readAt + count) % InputSize;
        _count -= count;
        _toReturn += count;
        return count;
    }

    /// <summary>Returns by how much the client's window is to grow: half of it at least, or nothing.</summary>
    public int TakeWindow()
    {
        if (_toReturn < InputSize / 2 || HasInputEnded)
        {
            return 0;
        }

        int count = _toReturn;
        Window += count;
        _toReturn = 0;
        return count;
    }

    [InlineArray(InputSize)]
    private struct InputBytes
    {
        private byte _element;
    }

    [InlineArray(CommandSizeMax)]
    private struct CommandBytes
    {
        private byte _element;
    }
}
