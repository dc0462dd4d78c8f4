using System;
using System.Buffers.Binary;
using System.IO;
using System.Security.Cryptography;
using System.Text;
using Sos.Crypto.Curves;

namespace Sos.Ssh.Keys;

/// <summary>The host's key pair, kept in a file that ssh-keygen reads, too (PROTOCOL.key, without a passphrase), of mode 0600.</summary>
public sealed class HostKey
{
    private const string Begin = "-----BEGIN OPENSSH PRIVATE KEY-----";
    private const string End = "-----END OPENSSH PRIVATE KEY-----";
    private const int LineLength = 70;
    private const int FileSizeMax = 4096;
    private const int BlockSize = 8;

    private readonly byte[] _seed;

    private HostKey(byte[] seed)
    {
        _seed = seed;
        byte[] key = new byte[Ed25519.PublicKeySize];
        Ed25519.WritePublicKey(seed, key);
        PublicKey = new(key);
    }

    /// <summary>The seed that the service is given. It is the private key.</summary>
    public ReadOnlySpan<byte> Seed => _seed;

    /// <summary>The public key.</summary>
    public PublicKey PublicKey { get; }

    /// <summary>Makes a new key of the system's randomness.</summary>
    public static HostKey Generate() => new(RandomNumberGenerator.GetBytes(Ed25519.SeedSize));

    /// <summary>Makes the key of a seed.</summary>
    public static HostKey FromSeed(ReadOnlySpan<byte> seed) => new(seed[..Ed25519.SeedSize].ToArray());

    /// <summary>Writes the key into a new file.</summary>
    /// <param name="path">A file that does not exist yet: a host's key is replaced by removing it first.</param>
    /// <param name="comment">A word about the key.</param>
    public void Save(string path, string comment)
    {
        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using FileStream file = new(path, options);
        file.Write(Encoding.ASCII.GetBytes(Encode(comment)));
        file.Flush(flushToDisk: true);
    }

    /// <summary>Reads a key's file.</summary>
    /// <exception cref="FormatException">The file is no Ed25519 key without a passphrase, or others may read it; the message says what to do.</exception>
    public static HostKey Load(string path)
    {
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        using FileStream file = new(path, FileMode.Open, FileAccess.Read);
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file.SafeFileHandle) & Others) != 0)
        {
            throw new FormatException($"{path}: others may read or write it; chmod 600 it, and make a new key if somebody may have read it");
        }

        if (file.Length > FileSizeMax)
        {
            throw new FormatException($"{path}: too long for a key");
        }

        using StreamReader reader = new(file, Encoding.ASCII);
        return TryDecode(reader.ReadToEnd(), out string problem) ?? throw new FormatException($"{path}: {problem}");
    }

    /// <summary>Returns the file's text.</summary>
    internal string Encode(string comment)
    {
        byte[] check = RandomNumberGenerator.GetBytes(sizeof(uint));
        using MemoryStream secret = new();
        secret.Write(check);
        secret.Write(check);
        Write(secret, Encoding.ASCII.GetBytes(PublicKey.Algorithm));
        Write(secret, PublicKey.Bytes);
        Write(secret, [.. _seed, .. PublicKey.Bytes]);
        Write(secret, Encoding.UTF8.GetBytes(comment));
        for (byte i = 1; secret.Length % BlockSize != 0; i++)
        {
            secret.WriteByte(i);
        }

        using MemoryStream all = new();
        all.Write("openssh-key-v1\0"u8);
        Write(all, "none"u8);
        Write(all, "none"u8);
        Write(all, default);
        all.Write([0, 0, 0, 1]);
        Write(all, PublicKey.Blob());
        Write(all, secret.ToArray());
        StringBuilder text = new(Begin + "\n");
        string base64 = Convert.ToBase64String(all.ToArray());
        for (int i = 0; i < base64.Length; i += LineLength)
        {
            text.Append(base64.AsSpan(i, Math.Min(LineLength, base64.Length - i))).Append('\n');
        }

        return text.Append(End + "\n").ToString();
    }

    /// <summary>Reads the file's text.</summary>
    internal static HostKey? TryDecode(string text, out string problem)
    {
        string body = text.Trim();
        problem = "no OpenSSH private key; make one with 'sosctl console key' or 'ssh-keygen -t ed25519 -N \"\"'";
        if (!body.StartsWith(Begin, StringComparison.Ordinal) || !body.EndsWith(End, StringComparison.Ordinal) || body.Length < Begin.Length + End.Length)
        {
            return null;
        }

        body = body[Begin.Length..^End.Length].Replace("\n", "", StringComparison.Ordinal).Replace("\r", "", StringComparison.Ordinal);
        byte[] bytes = new byte[body.Length];
        if (!Convert.TryFromBase64String(body, bytes, out int length))
        {
            return null;
        }

        ReadOnlySpan<byte> rest = bytes.AsSpan(0, length);
        if (!rest.StartsWith("openssh-key-v1\0"u8))
        {
            return null;
        }

        rest = rest["openssh-key-v1\0".Length..];
        if (!TryRead(ref rest, out ReadOnlySpan<byte> cipher) || !TryRead(ref rest, out _) || !TryRead(ref rest, out _))
        {
            return null;
        }

        if (!cipher.SequenceEqual("none"u8))
        {
            problem = "it has a passphrase, which nobody could type here: remove it with 'ssh-keygen -p -N \"\"'";
            return null;
        }

        if (rest.Length < sizeof(uint) || BinaryPrimitives.ReadUInt32BigEndian(rest) != 1)
        {
            return null;
        }

        rest = rest[sizeof(uint)..];
        return TryRead(ref rest, out _) && TryRead(ref rest, out ReadOnlySpan<byte> secret) ? TryDecodeSecret(secret, ref problem) : null;
    }

    private static HostKey? TryDecodeSecret(ReadOnlySpan<byte> secret, ref string problem)
    {
        if (secret.Length < 2 * sizeof(uint) || !secret[..4].SequenceEqual(secret[4..8]))
        {
            return null;
        }

        secret = secret[8..];
        if (!TryRead(ref secret, out ReadOnlySpan<byte> algorithm))
        {
            return null;
        }

        if (!algorithm.SequenceEqual("ssh-ed25519"u8))
        {
            problem = $"a key of the kind {Encoding.ASCII.GetString(algorithm)}; Ed25519 is what there is";
            return null;
        }

        if (!TryRead(ref secret, out ReadOnlySpan<byte> publicKey) || !TryRead(ref secret, out ReadOnlySpan<byte> pair)
            || pair.Length != Ed25519.KeyPairSize)
        {
            return null;
        }

        HostKey key = FromSeed(pair);
        if (key.PublicKey.Bytes.SequenceEqual(publicKey) && pair[Ed25519.SeedSize..].SequenceEqual(publicKey))
        {
            return key;
        }

        problem = "its public and private parts do not belong together";
        return null;
    }

    private static void Write(MemoryStream stream, ReadOnlySpan<byte> text)
    {
        Span<byte> length = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(length, (uint)text.Length);
        stream.Write(length);
        stream.Write(text);
    }

    private static bool TryRead(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (rest.Length < sizeof(uint))
        {
            return false;
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(rest);
        if (length > rest.Length - sizeof(uint))
        {
            return false;
        }

        text = rest.Slice(sizeof(uint), (int)length);
        rest = rest[(sizeof(uint) + (int)length)..];
        return true;
    }
}
