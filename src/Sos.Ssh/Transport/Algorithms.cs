using System;
using Sos.Ssh.Wire;

namespace Sos.Ssh.Transport;

/// <summary>The algorithms that the server offers, and the message that says so (RFC 4253, 7.1).</summary>
internal static class Algorithms
{
    /// <summary>Bytes of a KEXINIT's random cookie.</summary>
    public const int CookieSize = 16;

    /// <summary>Bytes of the longest KEXINIT that is written.</summary>
    public const int InitSizeMax = 512;

    /// <summary>ML-KEM-768 with X25519 (RFC 10042).</summary>
    public static ReadOnlySpan<byte> Hybrid => "mlkem768x25519-sha256"u8;

    /// <summary>The signature algorithm of the host's key and of users' keys (RFC 8709).</summary>
    public static ReadOnlySpan<byte> Ed25519 => "ssh-ed25519"u8;

    /// <summary>All key exchanges.</summary>
    public static ReadOnlySpan<byte> KeyExchanges => "mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org"u8;

    /// <summary>The client's mark of strict key exchange.</summary>
    public static ReadOnlySpan<byte> ClientStrict => "kex-strict-c-v00@openssh.com"u8;

    /// <summary>The client's wish for RFC 8308's message.</summary>
    public static ReadOnlySpan<byte> ClientExtensions => "ext-info-c"u8;

    private static ReadOnlySpan<byte> FirstKeyExchanges
        => "mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,ext-info-s,kex-strict-s-v00@openssh.com"u8;

    private static ReadOnlySpan<byte> Cipher => "chacha20-poly1305@openssh.com"u8;

    private static ReadOnlySpan<byte> NoCompression => "none"u8;

    /// <summary>Writes the server's KEXINIT. The marks belong into a connection's first one.</summary>
    public static void WriteInit(ref WireWriter writer, ReadOnlySpan<byte> cookie, bool isFirst)
    {
        writer.Write(MessageNumber.KeyExchangeInit);
        writer.WriteBytes(cookie[..CookieSize]);
        writer.WriteString(isFirst ? FirstKeyExchanges : KeyExchanges);
        writer.WriteString(Ed25519);
        writer.WriteString(Cipher);
        writer.WriteString(Cipher);
        writer.WriteString(default); // the cipher authenticates: a list of MACs would never be used
        writer.WriteString(default);
        writer.WriteString(NoCompression);
        writer.WriteString(NoCompression);
        writer.WriteString(default);
        writer.WriteString(default);
        writer.Write(false);
        writer.Write(0u);
    }

    /// <summary>Reads the client's KEXINIT, its number included, and chooses.</summary>
    /// <returns>None; ProtocolError for a message that is none; KeyExchangeFailed where there is nothing in common.</returns>
    public static EndReason Negotiate(ReadOnlySpan<byte> message, out Choice choice)
    {
        choice = default;
        WireReader reader = new(message);
        reader.ReadByte();
        reader.ReadBytes(CookieSize);
        ReadOnlySpan<byte> exchanges = reader.ReadString();
        ReadOnlySpan<byte> hostKeys = reader.ReadString();
        ReadOnlySpan<byte> cipherIn = reader.ReadString();
        ReadOnlySpan<byte> cipherOut = reader.ReadString();
        reader.ReadString();
        reader.ReadString();
        ReadOnlySpan<byte> compressionIn = reader.ReadString();
        ReadOnlySpan<byte> compressionOut = reader.ReadString();
        reader.ReadString();
        reader.ReadString();
        bool guessFollows = reader.ReadBoolean();
        reader.ReadUInt32();
        if (!reader.IsComplete)
        {
            return EndReason.ProtocolError;
        }

        ReadOnlySpan<byte> exchange = NameList.Choose(exchanges, KeyExchanges);
        if (exchange.IsEmpty || !NameList.Contains(hostKeys, Ed25519)
            || !NameList.Contains(cipherIn, Cipher) || !NameList.Contains(cipherOut, Cipher)
            || !NameList.Contains(compressionIn, NoCompression) || !NameList.Contains(compressionOut, NoCompression))
        {
            return EndReason.KeyExchangeFailed;
        }

        choice = new Choice
        {
            IsHybrid = exchange.SequenceEqual(Hybrid),
            IsStrict = NameList.Contains(exchanges, ClientStrict),
            WantsExtensions = NameList.Contains(exchanges, ClientExtensions),
            IgnoresNext = guessFollows
                && !(NameList.First(exchanges).SequenceEqual(NameList.First(KeyExchanges)) && NameList.First(hostKeys).SequenceEqual(Ed25519)),
        };
        return EndReason.None;
    }

    /// <summary>The outcome of a negotiation.</summary>
    public struct Choice
    {
        /// <summary>Whether ML-KEM takes part.</summary>
        public bool IsHybrid;

        /// <summary>Whether the client knows strict key exchange. Only a connection's first KEXINIT counts.</summary>
        public bool IsStrict;

        /// <summary>Whether the client wants to know extensions. Only the first KEXINIT counts.</summary>
        public bool WantsExtensions;

        /// <summary>Whether the client has sent a key exchange's first packet already, for another algorithm: it is to be ignored.</summary>
        public bool IgnoresNext;
    }
}
