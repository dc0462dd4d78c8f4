using System;
using System.Buffers.Binary;
using System.Linq;
using System.Text;

namespace Sos.Image;

/// <summary>A service image's description of itself, in its note: what the loader must give it.</summary>
/// <param name="AbiVersion">SOS_ABI_VERSION that it was built for.</param>
/// <param name="StackSize">Bytes of stack, a multiple of the page size.</param>
/// <param name="Flags">What it asks for: <see cref="ServiceGrants"/>.</param>
/// <param name="ArenaSize">Bytes of arena that it asks for; 0 leaves it to the loader.</param>
/// <param name="PollBoundNs">The longest that one poll may take, in nanoseconds; 0 for no promise.</param>
/// <param name="IsaVariableRva">Where the loader writes <see cref="IlcInstructionSets"/> (8 bytes); 0 if the image never
/// asks.</param>
/// <param name="Name">Name of the service, at most 63 bytes of UTF-8.</param>
/// <param name="Version">Its version, at most 31 bytes of UTF-8.</param>
public sealed record ServiceDescriptor(
    uint AbiVersion, uint StackSize, uint Flags, ulong ArenaSize, ulong PollBoundNs, ulong IsaVariableRva, string Name,
        string Version)
{
    /// <summary>The version of the descriptor's layout.</summary>
    public const uint LayoutVersion = 1;

    /// <summary>The things that the service makes use of, if the operator grants them.</summary>
    public ServiceGrants AsksFor => (ServiceGrants)Flags;

    /// <summary>Bytes of a build id.</summary>
    public const int BuildIdSize = 20;

    /// <summary>The ABI that this library builds for, SOS_ABI_VERSION.</summary>
    public const uint CurrentAbi = 3;

    internal const int Size = 4 * 4 + 3 * 8 + BuildIdSize + NameSize + VersionSize;
    internal const int BuildIdOffset = 4 * 4 + 3 * 8;
    internal const int IsaOffset = 4 * 4 + 2 * 8;
    private const int NameSize = 64;
    private const int VersionSize = 32;

    internal byte[] ToBytes(ReadOnlySpan<byte> buildId)
    {
        byte[] bytes = new byte[Size];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, LayoutVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), AbiVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), StackSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), Flags);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), ArenaSize);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(24), PollBoundNs);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(IsaOffset), IsaVariableRva);
        buildId.CopyTo(bytes.AsSpan(BuildIdOffset));
        WriteText(bytes.AsSpan(BuildIdOffset + BuildIdSize, NameSize), Name);
        WriteText(bytes.AsSpan(BuildIdOffset + BuildIdSize + NameSize, VersionSize), Version);
        return bytes;
    }

    internal static ServiceDescriptor Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Size)
        {
            throw new ImageFormatException(ImageFormatError.BadDescriptor,
                $"the descriptor has {bytes.Length} bytes, not {Size}");
        }

        uint layout = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (layout != LayoutVersion)
        {
            throw new ImageFormatException(ImageFormatError.UnknownVersion,
                $"descriptor version {layout}, this library knows {LayoutVersion}");
        }

        uint abi = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        if (abi != CurrentAbi)
        {
            throw new ImageFormatException(ImageFormatError.UnknownVersion,
                $"built for ABI {abi}, this library knows {CurrentAbi}");
        }

        uint stack = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        if (stack == 0 || stack % ImageSegment.PageSize != 0 || stack > MaxStackSize)
        {
            throw new ImageFormatException(ImageFormatError.BadDescriptor,
                $"stack size {stack} is no multiple of the page size up to {MaxStackSize}");
        }

        RequireInRange(bytes);
        return new ServiceDescriptor(
            abi, stack, BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]),
                BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]), BinaryPrimitives.ReadUInt64LittleEndian(bytes[IsaOffset..]),
            ReadText(bytes.Slice(BuildIdOffset + BuildIdSize, NameSize)),
            ReadText(bytes.Slice(BuildIdOffset + BuildIdSize + NameSize, VersionSize)));
    }

    /// <summary>The largest stack, in bytes: what lies between its address and the control region's leaves room for far
    /// more.</summary>
    public const uint MaxStackSize = 16 << 20;

    /// <summary>The largest arena, in bytes: the distance to the packet memory's address.</summary>
    public const ulong MaxArenaSize = 32UL << 30;

    /// <summary>The longest poll that an image may promise, in nanoseconds: a day.</summary>
    public const ulong MaxPollBoundNs = 86_400_000_000_000;

    /// <summary>Refuses here what the loader or the driver would refuse later, or would not understand.</summary>
    private static void RequireInRange(ReadOnlySpan<byte> bytes)
    {
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        ulong arena = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]);
        ulong pollBoundNs = BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]);
        string? problem = (flags & ~(uint)ServiceGrants.All) != 0 ? $"the flags 0x{flags:x} are not known: the image is of a later version"
            : arena > MaxArenaSize ? $"an arena of {arena} bytes is more than the {MaxArenaSize} that there is room for"
            : pollBoundNs > MaxPollBoundNs ? $"a poll of {pollBoundNs} ns is longer than the {MaxPollBoundNs} that an image may promise"
            : null;
        if (problem is not null)
        {
            throw new ImageFormatException(ImageFormatError.BadDescriptor, problem);
        }
    }

    private static void WriteText(Span<byte> field, string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        if (utf8.Length >= field.Length)
        {
            throw new ImageFormatException(ImageFormatError.BadDescriptor, $"\"{text}\" is longer than {field.Length - 1} bytes");
        }

        utf8.CopyTo(field);
    }

    private static string ReadText(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        string text = end < 0
            ? throw new ImageFormatException(ImageFormatError.BadDescriptor, "a name in the descriptor has no end")
            : Encoding.UTF8.GetString(field[..end]);

        // It is shown on terminals and written into logs.
        return text.Any(char.IsControl)
            ? throw new ImageFormatException(ImageFormatError.BadDescriptor, "a name in the descriptor has control characters") : text;
    }
}
