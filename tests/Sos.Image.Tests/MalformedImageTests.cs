using System;
using System.Buffers.Binary;
using CsCheck;
using Sos.Fuzz.Images;
using Sos.Image.Building;
using Sos.Image.Debugging;
using Sos.Image.Elf;
using Sos.Image.Verification;
using Xunit;

namespace Sos.Image.Tests;

/// <summary>Damaged files are a typed error, never another exception and never an image.</summary>
[Collection("BadServices")]
public sealed class MalformedImageTests(BadServicesFixture services)
{
    private static readonly byte[] Return = [0xc3];

    [Fact]
    public void AWritableCodeSegmentIsRefused()
    {
        byte[] file = TestImage.Create(Return, codeFlags: ElfFormat.FlagRead | ElfFormat.FlagWrite | ElfFormat.FlagExecute);

        ImageFormatException e = Assert.Throws<ImageFormatException>(() => ServiceImage.Read(file));

        Assert.Equal(ImageFormatError.WritableCode, e.Error);
        Assert.Equal(DiagnosticIds.WritableCode, ImageVerifier.Malformed(e, "test").Id);
    }

    [Fact]
    public void ARelocationInCodeIsRefused()
    {
        byte[] dynamic = new byte[64 + 24];
        ReadOnlySpan<ulong> words = [7, TestImage.DataRva + 64, 8, 24, 9, 24, 0, 0, TestImage.CodeRva, 8, 0];
        for (int i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(dynamic.AsSpan(8 * i), words[i]);
        }

        ImageFormatException e = Assert.Throws<ImageFormatException>(() =>
            ServiceImage.Read(TestImage.Create(new byte[16], dynamic: dynamic)));

        Assert.Equal(ImageFormatError.RelocationInCode, e.Error);
    }

    [Fact]
    public void AnEntryOutsideOfCodeIsRefused() => Assert.Equal(
        ImageFormatError.BadEntry,
            Assert.Throws<ImageFormatException>(() => ServiceImage.Read(TestImage.Create(Return, entry: 0x2000))).Error);

    [Fact]
    public void EveryChangedByteOfAnImageIsNoticed()
    {
        byte[] good = services.Build("good_mixture").Image;
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte[1, 255]).Sample(
            (at, change) =>
            {
                byte[] bad = (byte[])good.Clone();
                bad[at] ^= change;
                Assert.Throws<ImageFormatException>(() => ServiceImage.Read(bad));
            },
            iter: 2000);
    }

    [Fact]
    public void DamageBehindAValidBuildIdIsATypedErrorOrAnImageThatCanBeVerified()
    {
        byte[] good = TestImage.Create([0xe8, 0, 0, 0, 0, 0xc3], new byte[64]);
        Gen.Select(Gen.Int[0, 480], Gen.Byte, Gen.Int[0, 480], Gen.Byte).Sample(
            (a, x, b, y) =>
            {
                byte[] bad = (byte[])good.Clone();
                (bad[a], bad[b]) = (x, y);
                CodeImage.Seal(bad);
                try
                {
                    ImageVerifier.Verify(ServiceImage.Read(bad));
                }
                catch (ImageFormatException)
                {
                    // What a damaged file should give.
                }
            },
            iter: 3000);
    }

    [Fact]
    public void RandomCodeNeverBreaksTheVerifier() => Gen.Byte.Array[1, 64].Sample(
        code => { TestImage.Verify(code); }, iter: 3000);

    [Fact]
    public void ATruncatedFileIsATypedError()
    {
        BuiltImage built = services.Build("good_notify");
        Gen.Int[0, built.Image.Length - 1].Sample(n =>
            { Assert.Throws<ImageFormatException>(() => ServiceImage.Read(built.Image.AsMemory(0, n))); }, iter: 300);
        Gen.Int[0, built.Debug.Length - 1].Sample(
            n =>
            {
                try
                {
                    // Only the ends of section headers that are not needed may be missing.
                    Assert.True(n > DebugFile.Read(built.Debug.AsMemory(0, n)).Methods.Length * DebugFile.MethodSize);
                }
                catch (ImageFormatException)
                {
                    // What a truncated file should give.
                }
            },
            iter: 300);
    }
}
