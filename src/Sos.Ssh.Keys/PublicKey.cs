using System;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Sos.Crypto.Curves;

namespace Sos.Ssh.Keys;

/// <summary>An Ed25519 public key as OpenSSH writes it.</summary>
public sealed class PublicKey
{
    /// <summary>The algorithm's name.</summary>
    public const string Algorithm = "ssh-ed25519";

    private readonly byte[] _bytes;

    /// <summary>Makes a key of its 32 bytes.</summary>
    public PublicKey(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Ed25519.PublicKeySize);
        _bytes = bytes.ToArray();
    }

    /// <summary>The key's 32 bytes.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>The fingerprint that ssh shows when it asks whether to go on.</summary>
    public string Fingerprint => "SHA256:" + Convert.ToBase64String(SHA256.HashData(Blob())).TrimEnd('=');

    /// <summary>Algorithm and key: a line of authorized_keys, or the end of one of known_hosts.</summary>
    public override string ToString() => $"{Algorithm} {Convert.ToBase64String(Blob())}";

    /// <summary>Returns the line for known_hosts.</summary>
    /// <param name="host">Name or address, as it is typed behind the @.</param>
    /// <param name="port">The port; 22 is not written.</param>
    public string ToKnownHostsLine(string host, int port = 22) => $"{(port == 22 ? host : $"[{host}]:{port}")} {this}";

    /// <summary>Reads the base64 of a key.</summary>
    /// <returns>Null if it is none, or a key that verifies nothing: not on the curve, or of small order.</returns>
    public static PublicKey? TryParse(ReadOnlySpan<char> base64)
    {
        byte[] blob = new byte[base64.Length];
        if (!Convert.TryFromBase64Chars(base64, blob, out int length) || length != BlobSize
            || !blob.AsSpan(0, BlobPrefix.Length).SequenceEqual(BlobPrefix))
        {
            return null;
        }

        ReadOnlySpan<byte> key = blob.AsSpan(BlobPrefix.Length, Ed25519.PublicKeySize);
        return Ed25519.IsPublicKey(key) ? new PublicKey(key) : null;
    }

    /// <summary>Returns the key as RFC 8709 encodes it.</summary>
    internal byte[] Blob() => [.. BlobPrefix, .. _bytes];

    private static int BlobSize => BlobPrefix.Length + Ed25519.PublicKeySize;

    private static byte[] BlobPrefix { get; } = [.. BigEndian(Algorithm.Length), .. Encoding.ASCII.GetBytes(Algorithm), .. BigEndian(Ed25519.PublicKeySize)];

    private static byte[] BigEndian(int value)
    {
        byte[] bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
