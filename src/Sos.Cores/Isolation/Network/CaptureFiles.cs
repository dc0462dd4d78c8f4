using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Sos.Cores.Native;
using Sos.Cores.Plan;
using Sos.Linux;

namespace Sos.Cores.Isolation.Network;

/// <summary>Two captures (pcap) in place of a network: one to replay, one to write what the service passes on to Linux.</summary>
internal sealed unsafe class CaptureFiles : IDisposable
{
    private const int HeaderSize = 24;
    private const uint Microseconds = 0xa1b2c3d4;
    private const uint Nanoseconds = 0xa1b23c4d;
    private const uint Ethernet = 1; // LINKTYPE_ETHERNET
    private const uint OwnerAndReaders = 0x1a4; // 0644

    private CaptureFiles(FileDescriptor input, FileDescriptor output, bool swapped) => (In, Out, IsSwapped) = (input, output, swapped);

    /// <summary>The capture to replay, behind its header.</summary>
    public FileDescriptor In { get; }

    /// <summary>The capture to write, behind its header.</summary>
    public FileDescriptor Out { get; }

    /// <summary>Whether the numbers of the first one are big-endian.</summary>
    public bool IsSwapped { get; }

    /// <summary>Opens both.</summary>
    /// <exception cref="SosException">One cannot be opened, or the first is no capture of Ethernet frames.</exception>
    public static CaptureFiles Open(CaptureRequest request)
    {
        FileDescriptor input = FileDescriptor.Raise(Libc.Open(request.Input, Libc.OpenCloseOnExec), $"opening {request.Input}");
        try
        {
            bool swapped = ReadHeader(input, request.Input);
            const int flags = Libc.OpenReadWrite | Libc.OpenCloseOnExec | Libc.OpenCreate | Libc.OpenTruncate;
            FileDescriptor output = FileDescriptor.Raise(
                Libc.OpenWithMode(request.Output, flags, OwnerAndReaders), $"making {request.Output}");
            WriteHeader(output);
            return new CaptureFiles(input, output, swapped);
        }
        catch
        {
            input.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        In.Dispose();
        Out.Dispose();
    }

    /// <summary>Reads a capture's header.</summary>
    /// <returns>Whether its numbers are big-endian; null when it is none, or not of Ethernet frames.</returns>
    internal static bool? ParseHeader(ReadOnlySpan<byte> header)
    {
        if (header.Length < HeaderSize)
        {
            return null;
        }

        bool swapped = BinaryPrimitives.ReadUInt32BigEndian(header) is Microseconds or Nanoseconds;
        uint magic = swapped ? BinaryPrimitives.ReadUInt32BigEndian(header) : BinaryPrimitives.ReadUInt32LittleEndian(header);
        uint link = swapped ? BinaryPrimitives.ReadUInt32BigEndian(header[20..]) : BinaryPrimitives.ReadUInt32LittleEndian(header[20..]);
        return magic is Microseconds or Nanoseconds && (link & 0xffff) == Ethernet ? swapped : null;
    }

    private static bool ReadHeader(FileDescriptor file, string path)
    {
        byte* header = stackalloc byte[HeaderSize];
        nint read = ProcessCalls.Read(file.Descriptor, header, HeaderSize);
        return ParseHeader(new ReadOnlySpan<byte>(header, (int)Math.Max(0, read))) ?? throw new SosException(
            SosError.Usage, $"{path} is no capture of Ethernet frames in pcap format: 'tcpdump -w' writes them, 'tcpdump -r X -w Y' converts pcapng");
    }

    private static void WriteHeader(FileDescriptor file)
    {
        byte* header = stackalloc byte[HeaderSize];
        Span<byte> bytes = new(header, HeaderSize);
        bytes.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Microseconds);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], 2); // version 2.4
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[6..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[16..], 1 << 16); // bytes of a frame at most
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[20..], Ethernet);
        if (ProcessCalls.Write(file.Descriptor, header, HeaderSize) != HeaderSize)
        {
            throw Errno.ToException("writing a capture's header", Marshal.GetLastPInvokeError(), null);
        }
    }
}
