using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sos.Crypto.Curves;

namespace Sos.Ssh;

/// <summary>A key that may log in, as it lies in a table that Linux's side makes. <see cref="Size"/> bytes, without pointers.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public struct AuthorizedKey
{
    /// <summary>Bytes of an entry.</summary>
    public const int Size = Ed25519.PublicKeySize + (3 * sizeof(uint)) + CommandSizeMax + LabelSizeMax;

    /// <summary>Bytes of a forced command at most.</summary>
    public const int CommandSizeMax = 256;

    /// <summary>Bytes of a label at most.</summary>
    public const int LabelSizeMax = 64;

    private KeyBytes _key;
    private AuthorizedKeyOptions _options;
    private uint _commandLength;
    private uint _labelLength;
    private CommandBytes _command;
    private LabelBytes _label;

    /// <summary>The rights of the key.</summary>
    public AuthorizedKeyOptions Options
    {
        readonly get => _options;
        set => _options = value;
    }

    /// <summary>The public key.</summary>
    [UnscopedRef]
    public Span<byte> Key => _key;

    /// <summary>The command that is run instead of whatever the client asks for; with <see cref="AuthorizedKeyOptions.HasCommand"/>.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Command => ((ReadOnlySpan<byte>)_command)[..(int)Math.Min(_commandLength, CommandSizeMax)];

    /// <summary>The key's comment, for logs and for who is logged in.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Label => ((ReadOnlySpan<byte>)_label)[..(int)Math.Min(_labelLength, LabelSizeMax)];

    /// <summary>Sets the forced command.</summary>
    /// <returns>False if it is too long.</returns>
    public bool TrySetCommand(ReadOnlySpan<byte> command)
    {
        if (!command.TryCopyTo(_command))
        {
            return false;
        }

        _commandLength = (uint)command.Length;
        _options |= AuthorizedKeyOptions.HasCommand;
        return true;
    }

    /// <summary>Sets the label; what is too long is cut.</summary>
    public void SetLabel(ReadOnlySpan<byte> label)
    {
        label = label[..Math.Min(label.Length, LabelSizeMax)];
        label.CopyTo(_label);
        _labelLength = (uint)label.Length;
    }

    [InlineArray(Ed25519.PublicKeySize)]
    private struct KeyBytes
    {
        private byte _element;
    }

    [InlineArray(CommandSizeMax)]
    private struct CommandBytes
    {
        private byte _element;
    }

    [InlineArray(LabelSizeMax)]
    private struct LabelBytes
    {
        private byte _element;
    }
}

/// <summary>The limits and duties of a key.</summary>
[Flags]
public enum AuthorizedKeyOptions : uint
{
    /// <summary>Everything.</summary>
    None = 0,

    /// <summary>Gets no terminal.</summary>
    NoTerminal = 1,

    /// <summary>Runs its command, whatever the client asks for.</summary>
    HasCommand = 2,
}
