using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using Sos.Linux;

namespace Sos.Verbs;

/// <summary>
/// The standard output as write(2) has it. The framework's console swallows the error of a pipe that nobody reads any more, so that
/// <c>top | head</c> would never end, and its file streams keep an offset of their own, which two programs that share a file must not.
/// </summary>
public sealed unsafe class StandardOutput : Stream
{
    private const int Descriptor = 1; // STDOUT_FILENO
    private const int Interrupted = 4; // EINTR
    private const int BrokenPipe = 32; // EPIPE

    private StandardOutput()
    {
    }

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Opens it as text. Writing throws an <see cref="IOException"/> with what the system call says.</summary>
    public static TextWriter Open() => new StreamWriter(new StandardOutput(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));

    /// <summary>Tells whether an error only says that the reader has left: it has seen what it wanted.</summary>
    public static bool IsReaderGone(IOException error) => error is { HResult: BrokenPipe };

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            nint written;
            fixed (byte* start = buffer)
            {
                written = ProcessCalls.Write(Descriptor, start, (nuint)buffer.Length);
            }

            int errno = Marshal.GetLastPInvokeError();
            if (written >= 0)
            {
                buffer = buffer[(int)written..];
            }
            else if (errno != Interrupted)
            {
                throw new IOException($"writing the result failed: {Marshal.GetPInvokeErrorMessage(errno)}", errno);
            }
        }
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        // Nothing is held back.
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();
}
