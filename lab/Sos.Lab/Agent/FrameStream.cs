using System;
using System.Buffers.Binary;
using System.IO;
using System.Threading;

namespace Sos.Lab.Agent;

/// <summary>
/// Frames over a byte stream: payload length (u32), command (u32), kind (u8), payload; little endian.
/// Any number of threads may write; one may read.
/// </summary>
public sealed class FrameStream(Stream input, Stream output)
{
    /// <summary>Longest payload in bytes: keeps one chatty command from holding up the others.</summary>
    public const int PayloadMax = 32 * 1024;

    private const int HeaderSize = 9;
    private readonly Lock _writing = new();

    /// <summary>Sends one frame, whole.</summary>
    /// <exception cref="ArgumentException">The payload is longer than <see cref="PayloadMax"/>.</exception>
    /// <exception cref="IOException">The stream failed.</exception>
    public void Write(uint command, FrameKind kind, ReadOnlySpan<byte> payload)
    {
        if (payload.Length > PayloadMax)
        {
            throw new ArgumentException($"a frame carries at most {PayloadMax} bytes", nameof(payload));
        }

        byte[] frame = new byte[HeaderSize + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(frame, (uint)payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), command);
        frame[8] = (byte)kind;
        payload.CopyTo(frame.AsSpan(HeaderSize));
        lock (_writing)
        {
            output.Write(frame);
            output.Flush();
        }
    }

    /// <summary>Receives one frame.</summary>
    /// <returns>The frame, or null if the other side is gone.</returns>
    /// <exception cref="InvalidDataException">The stream is out of step.</exception>
    public Frame? Read()
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        if (!Fill(header))
        {
            return null;
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(header);
        if (length > PayloadMax)
        {
            throw new InvalidDataException($"a frame of {length} bytes: the stream is out of step");
        }

        byte[] payload = new byte[length];
        return Fill(payload)
            ? new Frame(BinaryPrimitives.ReadUInt32LittleEndian(header[4..]), (FrameKind)header[8], payload)
            : null;
    }

    private bool Fill(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            int count = input.Read(buffer);
            if (count == 0)
            {
                return false;
            }

            buffer = buffer[count..];
        }

        return true;
    }
}
