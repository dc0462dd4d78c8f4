using System;
using System.Diagnostics;
using System.IO;
using Sos.Image.Verification;
using Xunit;

namespace Sos.Image.Tests;

/// <summary>The Sos.Sdk package alone lets a project anywhere build a service image. Takes most of a minute: packs and
/// builds.</summary>
[Trait("Category", "Slow")]
public sealed class PackageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sos-package-").FullName;
    private readonly string _version = $"0.1.0-test.{Guid.NewGuid():N}";

    [Fact]
    public void AProjectOutsideOfTheRepositoryBuildsAServiceFromThePackage()
    {
        string root = BadServicesFixture.Metadata("RepoRoot");
        string feed = Path.Combine(_folder, "feed");
        Run(root, "pack", "src/Sos.Sdk", "-v", "q", "-o", feed, $"-p:PackageVersion={_version}");
        string project = Directory.CreateDirectory(Path.Combine(_folder, "Outside")).FullName;
        File.WriteAllText(Path.Combine(project, "nuget.config"), $"""
            <configuration><packageSources><add key="local" value="{feed}" /></packageSources></configuration>
            """);
        File.WriteAllText(Path.Combine(project, "Outside.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <SosService>Hello.HelloService</SosService>
              </PropertyGroup>
              <ItemGroup><PackageReference Include="Sos.Sdk" Version="{_version}" /></ItemGroup>
            </Project>
            """);
        File.Copy(Path.Combine(root, "samples/Hello/Hello.cs"), Path.Combine(project, "Hello.cs"));

        Run(project, "build", "-v", "q");

        string image = Path.Combine(project, "bin/Debug/net10.0/Outside.sosimg");
        Assert.Empty(ImageVerifier.VerifyFile(image));
        Assert.Equal("Outside", ServiceImage.Read(image).Descriptor.Name);
    }

    [Fact]
    public void AReferenceThatMakesNoImageSaysHowOneIsMade()
    {
        string root = BadServicesFixture.Metadata("RepoRoot");
        string project = Directory.CreateDirectory(Path.Combine(_folder, "Plain")).FullName;
        File.WriteAllText(Path.Combine(project, "Plain.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <SosService>Hello.HelloService</SosService>
              </PropertyGroup>
              <ItemGroup><ProjectReference Include="{root}src/Sos.Sdk/Sos.Sdk.csproj" /></ItemGroup>
            </Project>
            """);
        File.Copy(Path.Combine(root, "samples/Hello/Hello.cs"), Path.Combine(project, "Hello.cs"));

        string output = Run(project, "build", "-c", "Release", "-v", "q", "--nologo");

        Assert.Contains("warning SOS1016", output, StringComparison.Ordinal);
        string import = $"<Import Project=\"{root}src/Sos.Sdk/FromSource.props\" />";
        Assert.Contains(import, output, StringComparison.Ordinal);

        // What it says works, and then it says no more.
        string text = File.ReadAllText(Path.Combine(project, "Plain.csproj"));
        int reference = text.IndexOf("<ItemGroup>", StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(project, "Plain.csproj"), $"{text[..reference]}{import}\n</Project>");
        output = Run(project, "build", "-c", "Release", "-v", "q", "--nologo");

        Assert.DoesNotContain("SOS1016", output, StringComparison.Ordinal);
        Assert.Empty(ImageVerifier.VerifyFile(Path.Combine(project, "bin/Release/net10.0/Plain.sosimg")));
    }

    public void Dispose()
    {
        Directory.Delete(_folder, true);
        string packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget/packages");
        string installed = Path.Combine(packages, "sos.sdk", _version);
        if (Directory.Exists(installed))
        {
            Directory.Delete(installed, true);
        }
    }

    private static string Run(string folder, params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true };

        // The test host's own settings would steer the SDK that is started here.
        foreach (string name in (string[])["MSBuildExtensionsPath", "MSBuildSDKsPath", "MSBUILD_EXE_PATH"])
        {
            start.Environment.Remove(name);
        }

        using Process process = Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start");
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
        return output;
    }
}
