using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Sos.Image.Ports;

/// <summary>The ports that a service wants, as its image states them in a note: owner SOS, type 2.</summary>
/// <remarks>
/// The note, little endian: u32 version = 1, u32 count, then for each wish: char name[16] (padded with NUL), u16 least, u16 most, u32 host port
/// (<see cref="HostPortWish"/>), u64 reserved = 0.
/// </remarks>
public sealed class PortWishes
{
    /// <summary>The name of a wish for ports of any name.</summary>
    public const string AnyName = "any";

    /// <summary>Ports of a service at most: PortList.CountMax of the SDK.</summary>
    public const int PortsMax = 8;

    private const uint LayoutVersion = 1;
    private const int HeaderSize = 8;
    private const int EntrySize = 32;
    private const int NameSize = 16;

    private PortWishes(ImmutableArray<PortWish> wishes) => Wishes = wishes;

    /// <summary>An image that states nothing: one port, "nic", with or without a host port, or none.</summary>
    public static PortWishes Default { get; } = new([new PortWish("nic", 0, 1, HostPortWish.Optional)]);

    /// <summary>The wishes, at most one for each name.</summary>
    public ImmutableArray<PortWish> Wishes { get; }

    /// <summary>Checks what a service says of its ports.</summary>
    /// <exception cref="ImageFormatException">A name or a number is not allowed, or all together cannot be met.</exception>
    public static PortWishes Create(IEnumerable<PortWish> wishes)
    {
        ImmutableArray<PortWish> all = [.. wishes];
        foreach (PortWish wish in all)
        {
            if (wish.Name != AnyName && !IsPortName(wish.Name))
            {
                throw Bad(RefuseName(wish.Name));
            }

            if (wish.Least < 0 || wish.Least > wish.Most || wish.Most > (wish.Name == AnyName ? PortsMax : 1) || !Enum.IsDefined(wish.HostPort))
            {
                string most = wish.Name == AnyName ? $"{PortsMax} ports" : "1 port";
                throw Bad($"{wish.Least} to {wish.Most} ports called {wish.Name} cannot be: {most} at most, and no more at least than at most");
            }
        }

        return all.Length > PortsMax || all.DistinctBy(wish => wish.Name).Count() != all.Length || all.Sum(wish => wish.Least) > PortsMax
            ? throw Bad($"a service has {PortsMax} ports at most, and each name once")
            : new PortWishes(all);
    }

    /// <summary>Reads a wish as a project states it.</summary>
    /// <param name="text">"NAME,LEAST,MOST,HOSTPORT"; what is empty has its default: a name 1 to 1, "any" 0 to 8, the host port optional.</param>
    /// <exception cref="ImageFormatException">It cannot be read.</exception>
    public static PortWish ParseWish(string text)
    {
        string[] parts = text.Split(',');
        if (parts.Length != 4)
        {
            throw Bad($"\"{text}\" is no wish for a port: NAME,LEAST,MOST,HOSTPORT");
        }

        bool any = parts[0] == AnyName;
        int most = Number(parts[2], any ? PortsMax : 1, "Most");
        int least = Number(parts[1], any ? 0 : Math.Min(1, most), "Least");
        HostPortWish hostPort = parts[3] switch
        {
            "" or "optional" => HostPortWish.Optional,
            "none" => HostPortWish.None,
            "required" => HostPortWish.Required,
            _ => throw Bad($"HostPort=\"{parts[3]}\" of the SosPort {parts[0]} is neither required, optional nor none"),
        };
        return new PortWish(parts[0], least, most, hostPort);

        int Number(string number, int byDefault, string name)
            => number.Length == 0 ? byDefault
                : int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value
                : throw Bad($"{name}=\"{number}\" of the SosPort {parts[0]} is no number");
    }

    /// <summary>Whether a service can be given these ports.</summary>
    /// <param name="service">Its name, for the text.</param>
    /// <param name="given">The ports.</param>
    /// <returns>Null, or why not and what to do instead.</returns>
    public string? Check(string service, IReadOnlyList<GivenPort> given)
    {
        foreach (IGrouping<string, GivenPort> name in given.GroupBy(port => port.Name).Where(group => group.Count() > 1))
        {
            return $"two ports are called {name.Key}: give each a name of its own";
        }

        foreach (GivenPort port in given)
        {
            if (CheckOne(service, port) is { } refusal)
            {
                return refusal;
            }
        }

        foreach (PortWish wish in Wishes)
        {
            int count = given.Count(port => WishFor(port.Name) == wish);
            if (count < wish.Least)
            {
                return wish.Name == AnyName
                    ? $"{service} takes {Describe(wish)}, and was given {count}: name more of them, each by --port NAME=DEVICE"
                    : $"{service} needs the port {wish.Name}: name its device by --port {wish.Name}=DEVICE";
            }

            if (count > wish.Most)
            {
                return wish.Most == 0 ? $"{service} takes no port: leave {given[0].Name} out"
                    : $"{service} takes {Describe(wish)}, and was given {count}: leave some out";
            }
        }

        return null;
    }

    /// <summary>Describes the wishes in a few words.</summary>
    public override string ToString()
    {
        string[] parts = [.. Wishes.Where(wish => wish.Most > 0).Select(Describe)];
        return parts.Length == 0 ? "no ports" : string.Join(", ", parts);
    }

    /// <summary>Whether a port can be called so: PortName.IsValid of the SDK.</summary>
    internal static bool IsPortName(string name)
        => name.Length is > 0 and < NameSize && name is not ("host" or AnyName) && char.IsAsciiLetterLower(name[0])
            && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_');

    internal byte[] ToBytes()
    {
        byte[] bytes = new byte[HeaderSize + (Wishes.Length * EntrySize)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, LayoutVersion);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Wishes.Length);
        for (int i = 0; i < Wishes.Length; i++)
        {
            Span<byte> entry = bytes.AsSpan(HeaderSize + (i * EntrySize), EntrySize);
            Encoding.ASCII.GetBytes(Wishes[i].Name, entry);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[NameSize..], (ushort)Wishes[i].Least);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[(NameSize + 2)..], (ushort)Wishes[i].Most);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[(NameSize + 4)..], (uint)Wishes[i].HostPort);
        }

        return bytes;
    }

    internal static PortWishes Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderSize)
        {
            throw Bad($"the note of its ports has {bytes.Length} bytes");
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (version != LayoutVersion)
        {
            throw new ImageFormatException(ImageFormatError.UnknownVersion, $"a note of ports of version {version}, this library knows {LayoutVersion}");
        }

        uint count = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        if (count > PortsMax || bytes.Length != HeaderSize + ((int)count * EntrySize))
        {
            throw Bad($"the note of its ports has {bytes.Length} bytes for {count} wishes");
        }

        List<PortWish> wishes = [];
        for (int i = 0; i < (int)count; i++)
        {
            ReadOnlySpan<byte> entry = bytes.Slice(HeaderSize + (i * EntrySize), EntrySize);
            ReadOnlySpan<byte> name = entry[..NameSize].TrimEnd((byte)0);
            wishes.Add(new PortWish(
                Encoding.ASCII.GetString(name),
                BinaryPrimitives.ReadUInt16LittleEndian(entry[NameSize..]),
                BinaryPrimitives.ReadUInt16LittleEndian(entry[(NameSize + 2)..]),
                (HostPortWish)BinaryPrimitives.ReadUInt32LittleEndian(entry[(NameSize + 4)..])));
            if (BinaryPrimitives.ReadUInt64LittleEndian(entry[(NameSize + 8)..]) != 0)
            {
                throw Bad("the note of its ports has a value where there is none yet");
            }
        }

        return Create(wishes);
    }

    private static string Describe(PortWish wish)
    {
        string count = wish.Name != AnyName ? (wish.Least == 0 ? $"{wish.Name} or not" : wish.Name)
            : wish.Least == wish.Most ? $"{wish.Most} {Plural(wish.Most)}"
            : wish.Least == 0 ? $"up to {wish.Most} {Plural(wish.Most)}"
            : $"{wish.Least} to {wish.Most} ports";
        return wish.HostPort switch
        {
            HostPortWish.Required => count + " with a host port",
            HostPortWish.None => count + " without a host port",
            _ => count,
        };
    }

    private static string RefuseName(string name)
        => $"a port cannot be called \"{name}\": give it 1 to 15 lower-case letters, digits, '-' or '_', a letter first, and not \"host\" or \"any\"";

    private static string Plural(int count) => count == 1 ? "port" : "ports";

    private static ImageFormatException Bad(string message) => new(ImageFormatError.BadPorts, message);

    private PortWish? WishFor(string name)
        => Wishes.FirstOrDefault(wish => wish.Name == name) ?? Wishes.FirstOrDefault(wish => wish.Name == AnyName);

    private string? CheckOne(string service, GivenPort port)
    {
        if (!IsPortName(port.Name))
        {
            return RefuseName(port.Name);
        }

        return WishFor(port.Name) switch
        {
            null => $"{service} knows no port {port.Name}: it takes {this}",
            { Most: > 0, HostPort: HostPortWish.Required } when !port.HasHostPort
                => $"{service} needs a host port for its port {port.Name}, and was given none",
            { Most: > 0, HostPort: HostPortWish.None } when port.HasHostPort
                => $"{service} takes no host port for its port {port.Name}: leave it out",
            _ => null,
        };
    }
}
