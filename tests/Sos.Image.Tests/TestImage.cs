using System;
using System.Collections.Immutable;
using Iced.Intel;
using Sos.Fuzz.Images;
using Sos.Image.Elf;
using Sos.Image.Verification;

namespace Sos.Image.Tests;

/// <summary>Images of hand-written code, for what C# cannot express: a function at 0x1000, which the entry calls, and data at 0x2000.</summary>
internal static class TestImage
{
    public const ulong CodeRva = CodeImage.CodeRva;
    public const ulong DataRva = CodeImage.DataRva;

    public static byte[] Create(
        byte[] code, byte[]? data = null, uint codeFlags = ElfFormat.FlagRead | ElfFormat.FlagExecute, ulong entry = 0,
            byte[]? dynamic = null) =>
        CodeImage.Create(code, dynamic ?? data ?? new byte[8], codeFlags: codeFlags, entry: entry, hasDynamic: dynamic is not null);

    public static byte[] Assemble(Action<Assembler> write) => CodeImage.Assemble(write);

    public static ImmutableArray<ImageDiagnostic> Verify(byte[] code, byte[]? data = null) =>
        ImageVerifier.Verify(ServiceImage.Read(Create(code, data)));
}
